// Any bytes as a stamp: as they are, and with a checksum that holds.
#include "engine/stamp.h"

#include <xxhash.h>

#include "target.h"

namespace {

using namespace piecemark;

void decode(const std::string& bytes) {
  if (const auto stamp = engine::decode_stamp(bytes))
    fuzz::require(engine::encode_stamp(*stamp) == bytes, "a stamp that can be read can be written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(fuzz::text_of(data, size));
  decode(bytes);
  bytes.resize(engine::kStampSize);
  bytes.replace(0, engine::kStampMagic.size(), engine::kStampMagic);
  constexpr std::size_t kChecksum = engine::kStampSize - sizeof(std::uint64_t);
  engine::store(bytes.data() + kChecksum, std::uint64_t{XXH3_64bits(bytes.data(), kChecksum)});
  decode(bytes);
  return 0;
}
