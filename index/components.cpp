#include "components.h"

#include <charconv>
#include <set>

#include "ordered.h"
#include "packed.h"

namespace piecemark::index {
namespace {

std::unique_ptr<const Layout> layout_of(const Format& format, bool nulls_not_distinct,
                                        const engine::Environment& environment) {
  const engine::Table rows = table(environment, format.rows);
  const engine::Table index = table(environment, format.index);
  switch (format.layout) {
    case LayoutKind::ordered:
      return std::make_unique<OrderedLayout>(format, nulls_not_distinct, rows, index);
    case LayoutKind::packed:
      return std::make_unique<PackedLayout>(nulls_not_distinct, rows, index);
  }
  return nullptr;
}

}  // namespace

Components::Components(const Format& format, bool nulls_not_distinct, const engine::Environment& environment)
    : format_(&format),
      nulls_not_distinct_(nulls_not_distinct),
      layout_(layout_of(format, nulls_not_distinct, environment)),
      drawings_(table(environment, TableId::drawings)) {}

std::string Components::next_instance_identifier(const engine::ReadTransaction& transaction,
                                                 const DrawingKey& drawing,
                                                 std::string_view piece_mark) const {
  std::set<std::uint64_t> used;
  const auto rows = layout_->instances(transaction, drawing, piece_mark, Layout::Order::any);
  for (ComponentRow row; rows->next(row);) {
    if (!row.instance_identifier || row.instance_identifier->starts_with('0'))
      continue;  // "01" is not the number 1.
    const char* const end = row.instance_identifier->data() + row.instance_identifier->size();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(row.instance_identifier->data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) used.insert(number);
  }
  std::uint64_t next = 1;
  while (used.contains(next)) ++next;
  return std::to_string(next);
}

}  // namespace piecemark::index
