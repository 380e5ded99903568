// Sealed records: every value in every table begins with a checksum that binds it to its table and key, so
// that damaged, moved or swapped bytes are reported and never returned as data.
//
//   offset  size  field           meaning
//   ------  ----  --------------  ------------------------------------------------------------
//   0       8     checksum        XXH3_64 of the payload, seeded with XXH3_64 of table and key
//   8       1     class version   of the class that the payload holds
//   9       n     payload         flat archive (archive.h)
#pragma once

#include <string>

#include "archive.h"
#include "bytes.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/error.h"

namespace piecemark::engine {

inline constexpr std::size_t kChecksumSize = 8;

// Where a record lies: what its checksum binds it to, and what an error about it names.
struct RecordPlace {
  std::string_view table;
  Bytes key;
};

// A hash of one or two byte strings; not kept in files.
std::uint64_t hash_of(Bytes first, Bytes second);
std::uint64_t hash_of(Bytes bytes);

// What binds the payload to its place.
std::uint64_t checksum_of(const RecordPlace& place, Bytes payload);

// Writes the checksum over the first bytes of a record whose payload, class version included, is in place.
void seal(const RecordPlace& place, std::string& record);
// The class version and payload of a record.
// Errors  corrupt_record
Bytes unseal(const RecordPlace& place, Bytes record);
// As unseal, but an answer instead of an error.
std::optional<Bytes> try_unseal(const RecordPlace& place, Bytes record);

[[noreturn]] void throw_corrupt_record(const RecordPlace& place, std::string found);

// Encodes an object as a sealed record into `record`, which is cleared first and keeps its capacity.
template <class T>
void encode_record(const RecordPlace& place, const T& object, unsigned class_version, std::string& record) {
  record.assign(kChecksumSize, '\0');
  FlatWriter(record, class_version) & static_cast<std::uint8_t>(class_version) & object;
  seal(place, record);
}

// Decodes a sealed record that must have the given class version. Borrowed text points into `record`.
// Errors  corrupt_record
template <class T>
void decode_record(const RecordPlace& place, Bytes record, unsigned class_version, T& object) {
  const Bytes payload = unseal(place, record);
  FlatReader reader(payload, class_version);
  std::uint8_t found_version = 0;
  reader& found_version;
  if (found_version != class_version)
    throw_corrupt_record(place, "class version " + std::to_string(found_version));
  reader& object;
  if (!reader.complete()) throw_corrupt_record(place, "a payload of another length than its fields");
}

}  // namespace piecemark::engine

namespace boost::serialization {

// The id is the key of the record and not repeated in it. Class version 0: format 1, without
// instance_identifier. Class version 1: format 2.
template <class Archive>
void serialize(Archive& archive, piecemark::ComponentRow& row, const unsigned version) {
  archive& row.drawing_id;
  archive& row.piece_mark;
  if (version >= 1) archive& row.instance_identifier;
  archive& row.component_type;
  archive& row.quantity;
  archive& row.material_type;
  archive& row.location_x;
  archive& row.location_y;
  archive& row.bounding_box;
  archive& row.confidence_score;
  archive& row.review_status;
  archive& row.created_at;
  archive& row.updated_at;
}

template <class Archive>
void serialize(Archive& archive, piecemark::Drawing& drawing, const unsigned /*version*/) {
  archive& drawing.name;
}

}  // namespace boost::serialization
