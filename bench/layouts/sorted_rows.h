// Rows in the order of their keys, where they lie otherwise.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "index/layout.h"

namespace piecemark::bench {

// Sorts one drawing at a time. The rows come drawing by drawing, in the order of drawings, and borrow from their
// transaction, not from their cursor.
// Memory  250 bytes for each row of the largest drawing
class SortedRows final : public index::RowCursor {
 public:
  explicit SortedRows(std::unique_ptr<index::RowCursor> rows) : rows_(std::move(rows)) {
    has_ahead_ = rows_->next(ahead_);
  }

  bool next(ComponentRow& row) override {
    if (next_ == order_.size() && !sort_drawing()) return false;
    row = drawing_[order_[next_++]];
    return true;
  }

 private:
  bool sort_drawing() {
    if (!has_ahead_) return false;
    drawing_.clear();
    order_.clear();
    next_ = 0;
    do {
      order_.push_back(drawing_.size());
      drawing_.push_back(ahead_);
      has_ahead_ = rows_->next(ahead_);
    } while (has_ahead_ && ahead_.drawing_id == drawing_.front().drawing_id);
    std::sort(order_.begin(), order_.end(),
              [this](std::size_t a, std::size_t b) { return is_before(drawing_[a], drawing_[b]); });
    return true;
  }

  // Of two rows of a drawing. NULL last.
  static bool is_before(const ComponentRow& a, const ComponentRow& b) {
    if (const int order = a.piece_mark.compare(b.piece_mark); order != 0) return order < 0;
    const auto& left = a.instance_identifier;
    const auto& right = b.instance_identifier;
    if (left.has_value() != right.has_value()) return left.has_value();
    if (left && *left != *right) return *left < *right;
    return a.id < b.id;
  }

  std::unique_ptr<index::RowCursor> rows_;
  ComponentRow ahead_;  // the first row that is not sorted yet
  bool has_ahead_ = false;
  std::vector<ComponentRow> drawing_;
  std::vector<std::size_t> order_;  // the rows of the drawing, sorted: they are too large to be moved about
  std::size_t next_ = 0;
};

}  // namespace piecemark::bench
