#include "index/ordered.h"
#include "layout_cases.h"

namespace piecemark::index {

LayoutCase shipped_layout(const std::string& name, std::uint32_t format, bool nulls_not_distinct,
                          unsigned hash_bits, std::size_t buffered_bytes_max) {
  const Format& known = *format_numbered(format);
  const auto name_of = [](TableId id) { return kTables.at(static_cast<std::size_t>(id)); };
  const auto make = [=, &known](const std::vector<engine::Table>& tables) -> std::unique_ptr<Layout> {
    if (known.layout == LayoutKind::ordered) {
      return std::make_unique<OrderedLayout>(known, nulls_not_distinct, tables[0], tables[1]);
    }
    return std::make_unique<PackedLayout>(nulls_not_distinct, tables[0], tables[1], RowHasher{hash_bits},
                                          buffered_bytes_max);
  };
  return {name, &known, nulls_not_distinct, {name_of(known.rows), name_of(known.index)}, make};
}

}  // namespace piecemark::index
