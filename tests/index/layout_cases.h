// The layouts that layout_test.cpp is about. Each program that it is compiled into says which.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "index/format.h"
#include "index/layout.h"
#include "index/packed.h"

namespace piecemark::index {

struct LayoutCase {
  std::string name;
  const Format* format;  // whose columns the rows have
  bool nulls_not_distinct;
  std::vector<std::string_view> tables;  // the first has the rows
  std::function<std::unique_ptr<Layout>(const std::vector<engine::Table>& tables)> make;

  friend void PrintTo(const LayoutCase& layout, std::ostream* to) { *to << layout.name; }
};

struct LayoutCases {
  std::vector<LayoutCase> tested;
  std::vector<LayoutCase> sources;  // what those tested are filled from, besides one another
};

// Defined by the program.
LayoutCases layout_cases();

// A layout of the library, under the name of the format, or under another one.
LayoutCase shipped_layout(const std::string& name, std::uint32_t format, bool nulls_not_distinct,
                          unsigned hash_bits = 32,
                          std::size_t buffered_bytes_max = PackedLayout::kBufferedBytesMax);

}  // namespace piecemark::index
