// Stamp - the first record of the `meta` table: which format a file has and who may read or write it. Its own
// encoding never changes. Integers are little-endian; offsets count bytes from the start.
//
//   offset  size  field              meaning
//   ------  ----  -----------------  ---------------------------------------------------------------
//   0       8     magic              "PIECEMRK"
//   8       4     format             format of records and indexes, 1 or higher
//   12      4     reader_min         lowest library format that may read the file
//   16      4     writer_min         lowest library format that may write the file
//   20      4     options            bit 0: NULLS NOT DISTINCT; the others are 0
//   24      8     features           bits a writer must know; unknown ones refuse writing
//   32      8     created_at         microseconds since 1970-01-01 UTC
//   40      6     created_by         library version: major, minor, patch, 2 bytes each
//   46      6     migrated_by        library version of the last migration, 0 before the first
//   52      4     reserved           0
//   56      8     migrated_at        microseconds since 1970-01-01 UTC, 0 before the first migration
//   64      8     checksum           XXH3_64 of bytes 0 to 63
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bytes.h"
#include "piecemark/timestamp.h"
#include "piecemark/version.h"

namespace piecemark::engine {

inline constexpr std::string_view kStampMagic = "PIECEMRK";
inline constexpr std::string_view kStampKey = "stamp";
inline constexpr std::size_t kStampSize = 72;
inline constexpr std::uint64_t kKnownFeatures = 0;

struct Stamp {
  std::uint32_t format = 0;
  std::uint32_t reader_min = 0;
  std::uint32_t writer_min = 0;
  bool nulls_not_distinct = false;
  std::uint64_t features = 0;
  Timestamp created_at;
  Version created_by;
  Timestamp migrated_at;
  Version migrated_by;

  friend bool operator==(const Stamp&, const Stamp&) = default;
};

std::string encode_stamp(const Stamp& stamp);
// nullopt for bytes that are no stamp: another magic or size, a wrong checksum, reserved bits that are set.
std::optional<Stamp> decode_stamp(Bytes bytes);

}  // namespace piecemark::engine
