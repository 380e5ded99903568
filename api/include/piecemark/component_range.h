#pragma once

#include <iterator>
#include <memory>

#include "piecemark/component.h"
#include "piecemark/export.h"

namespace piecemark {

namespace index {
class RowCursor;
}

// Components one after the other, read in place; to be walked once:
//   for (ComponentView component : snapshot.in_drawing(drawing)) ...
// begin() is where the range is: the first component at first, later the one at hand. All iterators of a range go on
// together.
//
// Lifetime  Borrows from the ReadTxn that gave it. Copies of views stay valid as long as the transaction, not only as
//           long as the range.
//           One that was moved from may only be destroyed or assigned to; iterators stay with it.
// Errors    corrupt_record, from begin() and ++: the range has ended then
//           invalid_use, from both of a range that was moved from, or has ended so
class PIECEMARK_API ComponentRange {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = ComponentView;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = const ComponentView&;

    // The component at hand, until the next ++; copy the view to keep it.
    const ComponentView& operator*() const { return range_->view_; }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool is_at_end() const { return range_->is_at_end_; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) { return at.is_at_end(); }

   private:
    friend class ComponentRange;
    explicit iterator(ComponentRange* range) : range_(range) {}
    ComponentRange* range_;
  };

  explicit ComponentRange(std::unique_ptr<index::RowCursor> cursor);
  ComponentRange(ComponentRange&&) noexcept;
  ComponentRange& operator=(ComponentRange&&) noexcept;
  ~ComponentRange();

  iterator begin() {
    if (!is_begun_ || !cursor_) advance();
    return iterator(this);
  }
  static std::default_sentinel_t end() { return std::default_sentinel; }

 private:
  void advance();

  std::unique_ptr<index::RowCursor> cursor_;
  ComponentView view_{ComponentRow{}};
  bool is_begun_ = false;
  bool is_at_end_ = false;
};

}  // namespace piecemark
