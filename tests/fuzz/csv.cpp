// Any bytes as a file of CSV: rows come out, or what is wrong with them, up to the end.
#include "rows.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace piecemark;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::read_all_rows<ComponentColumns>({file.path(), text::TextFormat::csv});
  fuzz::read_all_rows<DrawingColumns>({file.path(), text::TextFormat::csv});
  return 0;
}
