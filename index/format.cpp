#include "format.h"

#include <array>

namespace piecemark::index {
namespace {

constexpr ColumnSet without_instance_identifier() {
  ColumnSet columns = ColumnSet::all();
  columns.remove(Column::instance_identifier);
  return columns;
}

constexpr std::array kFormats{
    Format{
        .number = 1,
        .summary = "a piece mark occurs once on a drawing",
        .columns = without_instance_identifier(),
        .unique_constraint = "unique_piece_mark_per_drawing",
        .class_version = 0,
        .rows = TableId::components_1,
        .unique = TableId::unique_1,
    },
    Format{
        .number = 2,
        .summary = "instances of a piece mark are told apart by instance_identifier",
        .columns = ColumnSet::all(),
        .unique_constraint = "unique_piece_mark_instance_per_drawing",
        .class_version = 1,
        .rows = TableId::components_2,
        .unique = TableId::unique_2,
    },
};

static_assert(kFormats.back().number == kLiveFormat);

}  // namespace

std::span<const Format> formats() {
  return kFormats;
}

const Format* format_numbered(std::uint32_t number) {
  for (const Format& format : kFormats) {
    if (format.number == number) return &format;
  }
  return nullptr;
}

std::string known_formats() {
  return "formats " + std::to_string(kFormats.front().number) + " to " +
         std::to_string(kFormats.back().number);
}

}  // namespace piecemark::index
