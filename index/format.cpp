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
        .layout = LayoutKind::ordered,
        .rows = TableId::components_1,
        .index = TableId::unique_1,
    },
    Format{
        .number = 2,
        .summary = "instances of a piece mark are told apart by instance_identifier",
        .columns = ColumnSet::all(),
        .unique_constraint = "unique_piece_mark_instance_per_drawing",
        .class_version = 1,
        .layout = LayoutKind::ordered,
        .rows = TableId::components_2,
        .index = TableId::unique_2,
    },
    Format{
        .number = 3,
        .summary = "the components of a drawing lie together, packed in blocks",
        .columns = ColumnSet::all(),
        .unique_constraint = "unique_piece_mark_instance_per_drawing",
        .class_version = 1,
        .layout = LayoutKind::packed,
        .rows = TableId::blocks_3,
        .index = TableId::ids_3,
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
