// How the packed layout takes all rows of another layout at once.
#include <optional>
#include <string>

#include "engine/environment.h"
#include "packed.h"
#include "packed_key.h"
#include "packed_tables.h"

namespace piecemark::index {

namespace {

// Of all rows, in any order: two passes that give the same have seen the same rows under the same keys.
struct RowSum {
  std::uint64_t count = 0;
  std::uint64_t hash = 0;

  void add(const PackedKey& key) {
    ++count;
    hash += engine::hash_of(key.bytes());
  }
  friend bool operator==(const RowSum&, const RowSum&) = default;
};

[[noreturn]] void throw_unsound_source(std::string_view table, const std::string& found) {
  throw Error(ErrorCode::corrupt_file, {"cannot write table '" + std::string(table) + "'",
                                        found,
                                        {},
                                        "run 'piecemark verify' on the file and go back to a backup"});
}

// Says of rows that come by key whether one has the key of the one before.
class Repetition {
 public:
  bool is_one(const ComponentRow& row) {
    const bool is_same = has_row_ && drawing_ == row.drawing_id && mark_ == row.piece_mark &&
                         instance_ == row.instance_identifier;
    drawing_ = row.drawing_id;
    mark_ = row.piece_mark;
    instance_ = row.instance_identifier;
    has_row_ = true;
    return is_same;
  }

 private:
  bool has_row_ = false;
  DrawingKey drawing_;
  std::string mark_;
  std::optional<std::string> instance_;
};

}  // namespace

void PackedLayout::fill(engine::WriteTransaction& transaction, const Layout& source,
                        const engine::ReadTransaction& from, const FillWatch& watch) const {
  RowSum by_id;
  {
    watch.on_pass(FillWatch::Pass::index);
    PackedIds::Filler ids(transaction, ids_);
    std::optional<Uuid> last;
    const auto rows = source.all_by_id(from, transaction.environment()->folder());
    for (ComponentRow row; rows->next(row); watch.on_row()) {
      const RowHash hash = hash_of(row);
      const Uuid id = row.id;  // The row may borrow from the transaction.
      by_id.add({row.drawing_id, hash, id});
      if (last && id <= *last) {
        throw_unsound_source(ids_.table().name,
                             "rows that are not in ascending order, at component " + id.to_string());
      }
      last = id;
      ids.add({id, row.drawing_id, hash});
    }
    ids.finish();
  }
  RowSum by_key;
  Repetition repetition;
  watch.on_pass(FillWatch::Pass::rows);
  PackedTables tables(transaction, blocks_, ids_.table());
  RowBuffer buffer;
  const auto rows = source.all_by_key(from);
  for (ComponentRow row; rows->next(row); watch.on_row()) {
    by_key.add({row.drawing_id, hash_of(row), row.id});
    if (repetition.is_one(row) && is_constrained(row.drawing_id, row.instance_identifier)) {
      throw_unsound_source(blocks_.name, "two rows with the key of component " + row.id.to_string());
    }
    const bool begins_drawing = buffer.begins_run(row.drawing_id);
    buffer.add(hash_of(row), row);  // First: the row may borrow from the transaction.
    if (!buffer.is_full(buffered_bytes_max_, begins_drawing)) continue;
    tables.insert_rows(buffer);
    buffer.clear();
  }
  tables.insert_rows(buffer);
  if (by_id == by_key) return;
  throw_unsound_source(blocks_.name, std::to_string(by_id.count) + " rows and " +
                                         std::to_string(by_key.count) + " keys that do not belong together");
}

}  // namespace piecemark::index
