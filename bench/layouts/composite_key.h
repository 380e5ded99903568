// The key of a row as bytes in its order: drawing, mark, instance and, where the unique constraint does not apply to the
// row because of a NULL, the id. No two rows may have the same.
#pragma once

#include <string>
#include <string_view>

#include "engine/key.h"
#include "index/layout.h"

namespace piecemark::bench {

class CompositeKey {
 public:
  explicit CompositeKey(bool nulls_not_distinct) : nulls_not_distinct_(nulls_not_distinct) {}

  bool is_constrained(const index::DrawingKey& drawing, const index::InstanceKey& instance) const {
    return nulls_not_distinct_ || (drawing && instance);
  }
  // False for what no row can have: U+0000 ends a text within a key.
  static bool can_occur(std::string_view piece_mark, const index::InstanceKey& instance);

  // The columns alone, which the whole key begins with.
  static std::string columns_of(const index::DrawingKey& drawing, std::string_view piece_mark,
                                const index::InstanceKey& instance);
  static std::string columns_of(const ComponentRow& row) {
    return columns_of(row.drawing_id, row.piece_mark, row.instance_identifier);
  }
  std::string of(const index::RowKey& key) const;
  std::string of(const ComponentRow& row) const {
    return of({row.drawing_id, row.piece_mark, row.instance_identifier, row.id});
  }
  // Takes a whole key apart, but for the id of a row that the constraint applies to. Text borrows from the bytes.
  // False for bytes that are no key.
  bool read(engine::Bytes bytes, index::RowKey& key) const;

 private:
  bool nulls_not_distinct_;
};

}  // namespace piecemark::bench
