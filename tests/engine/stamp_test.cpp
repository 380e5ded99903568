#include "engine/stamp.h"

#include <gtest/gtest.h>

namespace piecemark::engine {
namespace {

const Stamp kStamp{
    .format = 2,
    .reader_min = 2,
    .writer_min = 2,
    .nulls_not_distinct = true,
    .features = 0x0807060504030201,
    .created_at = {0x1112131415161718},
    .created_by = {1, 2, 3},
    .migrated_at = {0x2122232425262728},
    .migrated_by = {4, 5, 6},
};

TEST(Stamp, BytesAreFrozen) {
  const std::string bytes = encode_stamp(kStamp);
  ASSERT_EQ(bytes.size(), kStampSize);
  EXPECT_EQ(to_hex(bytes),
            "5049454345"
            "4d524b"  // PIECEMRK
            "02000000"
            "02000000"
            "02000000"
            "01000000"          // NULLS NOT DISTINCT
            "0102030405060708"  // features
            "1817161514131211"  // created_at
            "010002000300"
            "040005000600"      // created_by, migrated_by
            "00000000"          // reserved
            "2827262524232221"  // migrated_at
            "b53905efbf8d02b8");
}

TEST(Stamp, DecodesToTheSame) {
  EXPECT_EQ(decode_stamp(encode_stamp(kStamp)), kStamp);
}

TEST(Stamp, EveryChangedBitIsNoticed) {
  const std::string bytes = encode_stamp(kStamp);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(decode_stamp(changed), std::nullopt) << bit;
  }
}

TEST(Stamp, OtherSizesAreNoStamps) {
  const std::string bytes = encode_stamp(kStamp);
  EXPECT_EQ(decode_stamp(bytes.substr(0, bytes.size() - 1)), std::nullopt);
  EXPECT_EQ(decode_stamp(bytes + '\0'), std::nullopt);
  EXPECT_EQ(decode_stamp(""), std::nullopt);
}

}  // namespace
}  // namespace piecemark::engine
