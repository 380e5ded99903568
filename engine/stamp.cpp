#include "stamp.h"

#include <xxhash.h>

namespace piecemark::engine {
namespace {

constexpr std::uint32_t kNullsNotDistinct = 1;
constexpr std::size_t kChecksumOffset = 64;

static_assert(kStampMagic.size() == 8, "The stamp is frozen.");
static_assert(kChecksumOffset + 8 == kStampSize, "The stamp is frozen.");

void append_version(std::string& to, const Version& version) {
  append(to, version.major);
  append(to, version.minor);
  append(to, version.patch);
}

Version load_version(const char* from) {
  return {load<std::uint16_t>(from), load<std::uint16_t>(from + 2), load<std::uint16_t>(from + 4)};
}

}  // namespace

std::string encode_stamp(const Stamp& stamp) {
  std::string bytes(kStampMagic);
  append(bytes, stamp.format);
  append(bytes, stamp.reader_min);
  append(bytes, stamp.writer_min);
  append(bytes, stamp.nulls_not_distinct ? kNullsNotDistinct : std::uint32_t{0});
  append(bytes, stamp.features);
  append(bytes, stamp.created_at.microseconds);
  append_version(bytes, stamp.created_by);
  append_version(bytes, stamp.migrated_by);
  append(bytes, std::uint32_t{0});
  append(bytes, stamp.migrated_at.microseconds);
  append(bytes, static_cast<std::uint64_t>(XXH3_64bits(bytes.data(), bytes.size())));
  return bytes;
}

std::optional<Stamp> decode_stamp(Bytes bytes) {
  if (bytes.size() != kStampSize || !bytes.starts_with(kStampMagic)) return std::nullopt;
  const char* at = bytes.data();
  if (load<std::uint64_t>(at + kChecksumOffset) != XXH3_64bits(at, kChecksumOffset)) return std::nullopt;
  const auto options = load<std::uint32_t>(at + 20);
  if ((options & ~kNullsNotDistinct) != 0 || load<std::uint32_t>(at + 52) != 0) return std::nullopt;
  if (load<std::uint32_t>(at + 8) == 0) return std::nullopt;
  return Stamp{
      .format = load<std::uint32_t>(at + 8),
      .reader_min = load<std::uint32_t>(at + 12),
      .writer_min = load<std::uint32_t>(at + 16),
      .nulls_not_distinct = (options & kNullsNotDistinct) != 0,
      .features = load<std::uint64_t>(at + 24),
      .created_at = {load<std::int64_t>(at + 32)},
      .created_by = load_version(at + 40),
      .migrated_at = {load<std::int64_t>(at + 56)},
      .migrated_by = load_version(at + 46),
  };
}

}  // namespace piecemark::engine
