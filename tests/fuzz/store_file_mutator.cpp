// How libFuzzer damages store files. Sound ones are damaged knowingly; what the damage has left sound is damaged further. The
// rest is left to libFuzzer.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/page_check.h"
#include "target.h"
#include "tests/faults/mutation.h"

namespace {

using namespace piecemark;

bool is_sound(std::string_view bytes) {
  const fuzz::MemoryFile memory(bytes);
  engine::os::File file(memory.descriptor());
  const bool is_sound = !engine::check_pages(file);
  file.abandon();
  return is_sound;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  const std::string bytes(fuzz::text_of(data, size));
  if (!is_sound(bytes)) return LLVMFuzzerMutate(data, size, size_max);
  const testing::Anatomy anatomy(bytes);
  if (anatomy.tables.empty()) return LLVMFuzzerMutate(data, size, size_max);  // Sound, and without any table.
  std::mt19937_64 random(seed);
  const std::size_t kind = random() % std::size(testing::kMutationKinds);
  const std::string changed = testing::mutated(bytes, anatomy, kind, random);
  const std::size_t kept = std::min(changed.size(), size_max);
  std::memcpy(data, changed.data(), kept);
  return kept;
}
