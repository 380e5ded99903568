#include "engine/archive.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace piecemark::engine {
namespace {

struct Part {
  std::int32_t number = 0;
  std::optional<double> measure;
  friend bool operator==(const Part&, const Part&) = default;
};

struct Whole {
  std::string text;
  std::optional<std::string> note;
  std::vector<Part> parts;
  std::optional<std::uint16_t> since_version_1;
  friend bool operator==(const Whole&, const Whole&) = default;
};

template <class Archive>
void serialize(Archive& archive, Part& part, const unsigned /*version*/) {
  archive& part.number& part.measure;
}

template <class Archive>
void serialize(Archive& archive, Whole& whole, const unsigned version) {
  archive& whole.text& whole.note& whole.parts;
  if (version >= 1) archive& whole.since_version_1;
}

const Whole kWhole{
    "G1", std::nullopt, {{-7, 0.5}, {std::numeric_limits<std::int32_t>::min(), std::nullopt}}, 258};

std::string encoded(const Whole& whole, unsigned version) {
  std::string bytes;
  FlatWriter writer(bytes, version);
  writer& whole;
  return bytes;
}

TEST(Archive, BytesAreAsDocumented) {
  EXPECT_EQ(to_hex(encoded(kWhole, 1)),
            "02000000"
            "4731"      // text
            "00"        // note: NULL
            "02000000"  // two parts
            "f9ffffff"
            "01"
            "000000000000e03f"  // -7, 0.5
            "00000080"
            "00"  // the least int32, NULL
            "01"
            "0201");  // 258
}

TEST(Archive, ReaderGivesBackWhatWriterWrote) {
  const std::string bytes = encoded(kWhole, 1);
  Whole read;
  FlatReader reader(bytes, 1);
  reader& read;
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(read, kWhole);
}

TEST(Archive, OlderVersionLeavesOutWhatCameLater) {
  const std::string bytes = encoded(kWhole, 0);
  Whole read;
  FlatReader reader(bytes, 0);
  reader& read;
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(read.since_version_1, std::nullopt);
}

TEST(Archive, EveryTruncationIsNoticed) {
  const std::string bytes = encoded(kWhole, 1);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Whole read;
    FlatReader reader(Bytes(bytes).substr(0, size), 1);
    reader& read;
    EXPECT_FALSE(reader.ok()) << size;
  }
}

TEST(Archive, BytesLeftOverAreNoticed) {
  const std::string bytes = encoded(kWhole, 1) + '\0';
  Whole read;
  FlatReader reader(bytes, 1);
  reader& read;
  EXPECT_TRUE(reader.ok());
  EXPECT_FALSE(reader.complete());
}

TEST(Archive, ForgedLengthsAllocateNothing) {
  const std::string bytes("\xFF\xFF\xFF\xFF", 4);
  std::string text;
  std::vector<Part> parts;
  EXPECT_FALSE((FlatReader(bytes, 1) & text).ok());
  EXPECT_FALSE((FlatReader(bytes, 1) & parts).ok());
  EXPECT_LE(parts.capacity(), 2U);
}

TEST(Archive, FlagsOtherThanZeroAndOneAreRefused) {
  std::optional<std::uint8_t> value;
  EXPECT_FALSE((FlatReader(Bytes("\x02\x05", 2), 1) & value).ok());
}

TEST(Archive, DoublesKeepEveryBit) {
  for (const double value : {-0.0, 5e-324, std::numeric_limits<double>::infinity(), std::nan("0x123")}) {
    std::string bytes;
    FlatWriter(bytes, 0) & value;
    double read = 1;
    FlatReader(bytes, 0) & read;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(value));
  }
}

}  // namespace
}  // namespace piecemark::engine
