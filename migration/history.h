// Receipts of migrations, in the `history` table: number (4 bytes, big-endian) -> receipt.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/transaction.h"
#include "piecemark/receipt.h"

namespace piecemark::migration {

class History {
 public:
  explicit History(const engine::Table& table) : table_(table) {}

  std::uint32_t count(const engine::ReadTransaction& transaction) const;
  // From the oldest to the newest.  Errors  corrupt_record
  void for_each(const engine::ReadTransaction& transaction,
                const std::function<void(const Receipt&)>& visit) const;
  // The number of the next receipt: numbers may be missing where receipts were lost.
  // Errors  corrupt_record  there is none after the last one
  std::uint32_t next_number(const engine::ReadTransaction& transaction) const;
  // Errors  corrupt_record  the number is taken
  void add(engine::WriteTransaction& transaction, const Receipt& receipt) const;
  // The newest, if there is one.
  std::optional<Receipt> last(const engine::ReadTransaction& transaction) const;
  // Everything, as it is, into the empty history of another file.
  void copy_to(const History& other, const engine::ReadTransaction& from, engine::WriteTransaction& to) const;

 private:
  Receipt decode(engine::Bytes key, engine::Bytes value) const;

  engine::Table table_;
};

}  // namespace piecemark::migration
