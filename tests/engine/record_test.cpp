#include "engine/record.h"

#include <gtest/gtest.h>

#include "engine/key.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::error_of;

const Component kComponent{
    .id = *Uuid::parse("00000000-0000-7000-8000-000000000001"),
    .drawing_id = *Uuid::parse("00000000-0000-7000-8000-000000000002"),
    .piece_mark = "G1",
    .instance_identifier = "2",
    .component_type = std::nullopt,
    .quantity = 1,
    .location_x = -0.0,
    .bounding_box = "[1]",
    .review_status = "pending",
    .created_at = Timestamp{1},
    .updated_at = std::nullopt,
};

std::string record_of(unsigned class_version) {
  std::string record;
  encode_record({"components", bytes_of(kComponent.id)}, row_of(kComponent), class_version, record);
  return record;
}

TEST(Record, BytesAreAsDocumented) {
  EXPECT_EQ(to_hex(Bytes(record_of(1)).substr(kChecksumSize)),
            "01"  // class version
            "01"
            "00000000000070008000000000000002"  // drawing_id
            "02000000"
            "4731"  // piece_mark
            "01"
            "01000000"
            "32"  // instance_identifier
            "00"  // component_type
            "01"
            "01000000"  // quantity
            "00"        // material_type
            "01"
            "0000000000000080"
            "00"  // location_x, location_y
            "01"
            "03000000"
            "5b315d"  // bounding_box
            "00"      // confidence_score
            "01"
            "07000000"
            "70656e64696e67"  // review_status
            "01"
            "0100000000000000"
            "00");  // created_at, updated_at
  EXPECT_EQ(to_hex(Bytes(record_of(1)).substr(0, kChecksumSize)), "6dc070326ea8b981");
}

TEST(Record, DecodesToTheSameRow) {
  ComponentRow row;
  const std::string record = record_of(1);
  decode_record({"components", bytes_of(kComponent.id)}, record, 1, row);
  row.id = kComponent.id;
  EXPECT_EQ(to_component(row), kComponent);
}

TEST(Record, EveryChangedBitIsReported) {
  const RecordPlace place{"components", bytes_of(kComponent.id)};
  const std::string record = record_of(1);
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string changed = record;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    ComponentRow row;
    EXPECT_EQ(error_of([&] { decode_record(place, changed, 1, row); }), ErrorCode::corrupt_record) << bit;
  }
}

TEST(Record, EveryTruncationIsReported) {
  const RecordPlace place{"components", bytes_of(kComponent.id)};
  const std::string record = record_of(1);
  for (std::size_t size = 0; size < record.size(); ++size) {
    ComponentRow row;
    EXPECT_EQ(error_of([&] { decode_record(place, Bytes(record).substr(0, size), 1, row); }),
              ErrorCode::corrupt_record);
  }
}

TEST(Record, BelongsToItsTableAndKey) {
  const std::string record = record_of(1);
  const Uuid other_id = Uuid::generate();
  EXPECT_TRUE(try_unseal({"components", bytes_of(kComponent.id)}, record));
  EXPECT_FALSE(try_unseal({"components", bytes_of(other_id)}, record));
  EXPECT_FALSE(try_unseal({"stash", bytes_of(kComponent.id)}, record));
}

TEST(Record, OfAnotherClassVersionIsReported) {
  ComponentRow row;
  const std::string record = record_of(0);
  EXPECT_EQ(error_of([&] {
              decode_record({"components", bytes_of(kComponent.id)}, record, 1, row);
            }),
            ErrorCode::corrupt_record);
}

}  // namespace
}  // namespace piecemark::engine
