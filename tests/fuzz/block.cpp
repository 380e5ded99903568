// Any bytes as a packed block: as they are, and with checksums that hold, which leaves their sense to be checked.
#include "index/block.h"

#include <xxhash.h>

#include "engine/record.h"
#include "index/row_entries.h"
#include "piecemark/error.h"
#include "target.h"

namespace {

using namespace piecemark;

constexpr engine::RecordPlace kPlace{"blocks.3", "\x02\xff"};

void read(std::string_view bytes) {
  try {
    const index::Block block(kPlace, bytes);
    static_cast<void>(block.lower_bound(index::RowHash{1} << 40));
    for (std::size_t row = 0; row < block.count(); ++row) {
      try {
        static_cast<void>(block.hash(row));
        static_cast<void>(block.id(row));
        ComponentRow into;
        block.read(row, into);
        // Touches every byte of every text.
        std::size_t size = 0;
        for (const auto& text :
             {std::optional(into.piece_mark), into.instance_identifier, into.component_type,
              into.material_type, into.bounding_box, into.review_status})
          for (const char c : text.value_or("")) size += static_cast<unsigned char>(c);
        fuzz::require(size < SIZE_MAX, "texts lie in the block");
      } catch (const Error&) {  // A row without sense is refused; the others are read.
      }
    }
  } catch (const Error&) {
  }
}

// engine/FORMAT.md, "Packed blocks", has the places.
void make_checksums_right(std::string& block) {
  constexpr std::size_t kHeading = 12;
  if (block.size() < kHeading) return;
  const std::size_t count = engine::load<std::uint16_t>(block.data() + 8);
  const std::size_t texts_end = engine::load<std::uint16_t>(block.data() + 10);
  const auto start_of = [&](std::size_t row) -> std::size_t {
    return row < count ? engine::load<std::uint16_t>(block.data() + kHeading + 12 * count + 2 * row)
                       : block.size();
  };
  if (kHeading + 14 * count > block.size() || texts_end > block.size() || texts_end < engine::kChecksumSize)
    return;
  for (std::size_t row = 0; row < count; ++row) {
    const std::size_t from = start_of(row);
    const std::size_t to = start_of(row + 1);
    if (from > to || to > block.size()) continue;
    engine::store(block.data() + kHeading + 8 * count + 4 * row,
                  static_cast<std::uint32_t>(XXH3_64bits(block.data() + from, to - from)));
  }
  const std::string_view covered = std::string_view(block).substr(0, texts_end).substr(engine::kChecksumSize);
  engine::store(block.data(), engine::checksum_of(kPlace, covered));
}

// As a value whose key is lost: a block of rows, a block of ids, or neither.
void read_without_key(std::string_view bytes) {
  index::DrawingsOfIds drawings_of_ids;
  drawings_of_ids.add(bytes);
  std::vector<index::DrawingKey> others{std::nullopt};
  std::uint64_t trials = 1000;
  index::RowEntries(*index::format_numbered(3))
      .read_without_key(
          bytes, drawings_of_ids, others, trials, [](const index::RowEntries::Row&) {},
          [](const index::RowEntries::Loss&) {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string block(fuzz::text_of(data, size));
  read(block);
  make_checksums_right(block);
  read(block);
  read_without_key(block + std::string(100, '\0'));
  return 0;
}
