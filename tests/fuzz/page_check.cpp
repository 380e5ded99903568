// Any bytes as a file: the check of pages ends, with a verdict.
#include "engine/page_check.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace piecemark;
  const fuzz::MemoryFile memory(fuzz::text_of(data, size));
  engine::os::File file(memory.descriptor());
  static_cast<void>(engine::check_pages(file));
  file.abandon();
  return 0;
}
