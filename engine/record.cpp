#include "record.h"

// Inlined: a call costs as much as the hash of a short key.
#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): the library's name
#include <xxhash.h>

namespace piecemark::engine {
namespace {

std::uint64_t checksum_of(const RecordPlace& place, Bytes payload) {
  const std::uint64_t table = XXH3_64bits(place.table.data(), place.table.size());
  const std::uint64_t seed = XXH3_64bits_withSeed(place.key.data(), place.key.size(), table);
  return XXH3_64bits_withSeed(payload.data(), payload.size(), seed);
}

}  // namespace

std::uint64_t hash_of(Bytes first, Bytes second) {
  return XXH3_64bits_withSeed(second.data(), second.size(), XXH3_64bits(first.data(), first.size()));
}

void seal(const RecordPlace& place, std::string& record) {
  store(record.data(), checksum_of(place, Bytes(record).substr(kChecksumSize)));
}

std::optional<Bytes> try_unseal(const RecordPlace& place, Bytes record) {
  if (record.size() <= kChecksumSize) return std::nullopt;
  const Bytes payload = record.substr(kChecksumSize);
  if (load<std::uint64_t>(record.data()) != checksum_of(place, payload)) return std::nullopt;
  return payload;
}

Bytes unseal(const RecordPlace& place, Bytes record) {
  const auto payload = try_unseal(place, record);
  if (!payload)
    throw_corrupt_record(place,
                         "a record of " + std::to_string(record.size()) + " bytes that fails its checksum");
  return *payload;
}

void throw_corrupt_record(const RecordPlace& place, std::string found) {
  throw Error(ErrorCode::corrupt_record,
              {"cannot read table '" + std::string(place.table) + "' at key " + to_hex(place.key),
               std::move(found),
               {},
               "stop writing to this file, run 'piecemark verify' on it, and go back to a backup"});
}

}  // namespace piecemark::engine
