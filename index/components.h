// The `components` and `drawings` tables of one format in one file. What changes them is in component_writer.h.
#pragma once

#include <memory>
#include <string>

#include "drawings.h"
#include "format.h"
#include "layout.h"

namespace piecemark::index {

class Components {
 public:
  // The layout of the format, on the tables of the environment.
  Components(const Format& format, bool nulls_not_distinct, const engine::Environment& environment);

  const Format& format() const { return *format_; }
  bool nulls_not_distinct() const { return nulls_not_distinct_; }
  const Layout& layout() const { return *layout_; }
  const Drawings& drawings() const { return drawings_; }

  // The smallest positive number, in decimal digits, that no instance of the mark has.  Cost  a visit to each
  // of them.
  std::string next_instance_identifier(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                       std::string_view piece_mark) const;

 private:
  const Format* format_;
  bool nulls_not_distinct_;
  std::unique_ptr<const Layout> layout_;
  Drawings drawings_;
};

}  // namespace piecemark::index
