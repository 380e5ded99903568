#include "record.h"

#include "hash.h"

namespace piecemark::engine {

std::uint64_t checksum_of(const RecordPlace& place, Bytes payload) {
  return xxh3(payload, xxh3(place.key, xxh3(place.table)));
}

std::uint64_t hash_of(Bytes first, Bytes second) {
  return xxh3(second, xxh3(first));
}
std::uint64_t hash_of(Bytes bytes) {
  return xxh3(bytes);
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
               "stop writing to this file and run 'piecemark verify' on it; go back to a backup, or run "
               "'piecemark salvage'"});
}

}  // namespace piecemark::engine
