// Cursors that stand on other cursors.
#pragma once

#include <memory>
#include <utility>

#include "index/layout.h"

namespace piecemark::bench {

class NoRows final : public index::RowCursor {
 public:
  bool next(ComponentRow& /*row*/) override { return false; }
};

// The keys of rows, for layouts whose keys lie nowhere else.
class KeysOfRows final : public index::KeyCursor {
 public:
  explicit KeysOfRows(std::unique_ptr<index::RowCursor> rows) : rows_(std::move(rows)) {}

  bool next(index::RowKey& key) override {
    if (!rows_->next(row_)) return false;
    key = {row_.drawing_id, row_.piece_mark, row_.instance_identifier, row_.id};
    return true;
  }

 private:
  std::unique_ptr<index::RowCursor> rows_;
  ComponentRow row_;
};

}  // namespace piecemark::bench
