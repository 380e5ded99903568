// The `drawings` table: the same in every format. id -> record of the drawing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/batch.h"
#include "engine/transaction.h"
#include "piecemark/drawing.h"

namespace piecemark::index {

class Drawings {
 public:
  explicit Drawings(const engine::Table& table) : table_(table) {}

  bool contains(const engine::ReadTransaction& transaction, const Uuid& id) const;
  std::optional<Drawing> get(const engine::ReadTransaction& transaction, const Uuid& id) const;
  std::uint64_t count(const engine::ReadTransaction& transaction) const;
  // In the order of the ids.
  void for_each(const engine::ReadTransaction& transaction,
                const std::function<void(const Drawing&)>& visit) const;

  // Parts of a statement. False, and nothing to do, where the id is taken.
  bool plan_insert(const engine::ReadTransaction& transaction, const Drawing& drawing,
                   engine::Batch& batch) const;
  // The drawing with the id, which is there, becomes this one; an id that it changes to is free.
  void plan_replace(const Uuid& id, const Drawing& drawing, engine::Batch& batch) const;
  // Leaves the components of the drawing to the caller. False, and nothing to do, where there is no such drawing.
  bool plan_erase(const engine::ReadTransaction& transaction, const Uuid& id, engine::Batch& batch) const;

  // Everything into the empty table of another file.
  void copy_to(const Drawings& other, const engine::ReadTransaction& from,
               engine::WriteTransaction& to) const;

  // Reports every record that is damaged, and gives the sound ones to `visit`.
  void verify(const engine::ReadTransaction& transaction, const std::function<void(const Drawing&)>& visit,
              const std::function<void(std::string)>& report) const;

 private:
  Drawing decode(engine::Bytes key, engine::Bytes record) const;

  engine::Table table_;
};

}  // namespace piecemark::index
