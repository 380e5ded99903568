// What an entry of the table of rows holds, told from its key and value alone: for files whose trees are broken, where
// no layout can look anything up.
//
// Rows have keys here that order them as their entries are ordered: the id in the ordered layout; drawing, hash and id
// in the packed one, where an entry holds the rows between the key of the entry before and its own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drawings_of_ids.h"
#include "format.h"
#include "layout.h"
#include "piecemark/component.h"

namespace piecemark::index {

// Keys of rows from the first up to, but without, the second. No second: up to the end.
struct RowKeys {
  std::string from;
  std::optional<std::string> to;
};

// The keys of all rows of a drawing, in the packed layout.
RowKeys keys_of(const DrawingKey& drawing);

class RowEntries {
 public:
  struct Row {
    engine::Bytes key;
    ComponentRow row;  // borrows from the entry
  };
  // What an entry does not give away, although it must hold it.
  struct Loss {
    RowKeys keys;
    std::string reason;
  };
  using RowVisitor = std::function<void(const Row& row)>;
  using LossVisitor = std::function<void(const Loss& loss)>;

  explicit RowEntries(const Format& format) : format_(format) {}

  std::string_view table() const;
  // Gives the rows whose checksums hold to `visit`, and tells of the others. False, and nothing told, for bytes that are
  // no entry of this table: no checksum binds them to it.
  bool read(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
            const LossVisitor& on_lost) const;
  // The same for the value of an entry whose key is lost, with bytes of no account behind it: tries the keys that it can
  // have on the drawings that its ids are said to be of, and then on `others`, of which the one that fits comes first in
  // the list then. Each trial on one of these takes one from `trials`, and with none left there are no more of them.
  // False where none fits, and for layouts whose entries do not need it.
  bool read_without_key(engine::Bytes value, DrawingsOfIds& drawings_of_ids, std::vector<DrawingKey>& others,
                        std::uint64_t& trials, const RowVisitor& visit, const LossVisitor& on_lost) const;
  // Where the rows belong whose entries have keys from `from` up to `to`. `before` is the key of the entry before these,
  // empty where there is none.
  RowKeys between(engine::Bytes before, std::string from, std::optional<std::string> to) const;

  // The row that an entry of the unique index leads to; nullopt where it is damaged, or where the format has no such
  // table that can be read by itself.
  std::optional<Uuid> indexed_row(engine::Bytes key, engine::Bytes value) const;

 private:
  bool read_record(engine::Bytes key, engine::Bytes value, const RowVisitor& visit) const;
  bool read_block(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
                  const LossVisitor& on_lost) const;

  const Format& format_;
};

}  // namespace piecemark::index
