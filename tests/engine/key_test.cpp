#include "engine/key.h"

#include <gtest/gtest.h>

#include <random>
#include <tuple>
#include <vector>

namespace piecemark::engine {
namespace {

// A key as values. NULL is last, text is compared byte by byte.
struct Values {
  std::optional<Uuid> drawing;
  std::string mark;
  std::optional<std::string> instance;

  auto rank() const { return std::tuple(!drawing, drawing, mark, !instance, instance); }
  friend bool operator<(const Values& a, const Values& b) { return a.rank() < b.rank(); }
  friend bool operator==(const Values& a, const Values& b) { return a.rank() == b.rank(); }
};

std::string encode(const Values& values) {
  const auto instance = values.instance ? std::optional<std::string_view>(*values.instance) : std::nullopt;
  return KeyWriter().nullable_uuid(values.drawing).text(values.mark).nullable_text(instance).take();
}

class RandomValues {
 public:
  Values next() {
    Values values;
    if (pick(8) != 0) {
      values.drawing = Uuid{};
      values.drawing->bytes[0] = static_cast<std::uint8_t>(pick(3) * 127);
      values.drawing->bytes[15] = static_cast<std::uint8_t>(pick(3) * 127);
    }
    values.mark = text();
    if (pick(3) != 0) values.instance = text();
    return values;
  }

 private:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  // Short texts of few bytes, so that prefixes and near misses are frequent.
  std::string text() {
    static const std::vector<std::string> kPieces{
        "\x01", "\x02", " ", "G", "g", "1", "\x7F", "\xC2\xA0", "\xF4\x8F\xBF\xBF"};
    std::string result;
    for (std::size_t i = pick(4); i > 0; --i) result += kPieces[pick(kPieces.size())];
    return result;
  }

  std::mt19937 random_{20250121};
};

TEST(Key, BytesAreAsDocumented) {
  const Uuid drawing = *Uuid::parse("00000000-0000-7000-8000-000000000002");
  EXPECT_EQ(to_hex(encode({drawing, "G1", "2"})),
            "01"
            "00000000000070008000000000000002"  // drawing_id
            "4731"
            "00"  // piece_mark
            "01"
            "32"
            "00");  // instance_identifier
  EXPECT_EQ(to_hex(encode({std::nullopt, "", std::nullopt})),
            "02"
            "00"
            "02");
}

TEST(Key, ByteOrderOfKeysIsOrderOfValues) {
  RandomValues random;
  for (int i = 0; i < 200'000; ++i) {
    const Values a = random.next();
    const Values b = random.next();
    ASSERT_EQ(encode(a) < encode(b), a < b) << to_hex(encode(a)) << " and " << to_hex(encode(b));
    ASSERT_EQ(encode(a) == encode(b), a == b) << to_hex(encode(a)) << " and " << to_hex(encode(b));
  }
}

TEST(Key, ReaderGivesBackWhatWriterWrote) {
  RandomValues random;
  for (int i = 0; i < 50'000; ++i) {
    const Values values = random.next();
    const std::string key = encode(values);
    KeyReader reader(key);
    Values read;
    std::string_view mark;
    std::optional<std::string_view> instance;
    ASSERT_TRUE(reader.nullable_uuid(read.drawing) && reader.text(mark) && reader.nullable_text(instance) &&
                reader.at_end());
    read.mark = mark;
    read.instance = instance;
    ASSERT_EQ(read, values);
  }
}

TEST(Key, NullDiffersFromEmptyText) {
  EXPECT_NE(KeyWriter().nullable_text(std::nullopt).take(), KeyWriter().nullable_text("").take());
  EXPECT_GT(KeyWriter().nullable_text(std::nullopt).take(),
            KeyWriter().nullable_text("\xF4\x8F\xBF\xBF").take());
}

TEST(Key, ReaderRefusesBytesThatNoWriterWrites) {
  std::string_view text;
  std::optional<std::string_view> nullable;
  std::optional<Uuid> id;
  EXPECT_FALSE(KeyReader("no end").text(text));
  EXPECT_FALSE(KeyReader("").nullable_text(nullable));
  EXPECT_FALSE(KeyReader("\x03").nullable_text(nullable));
  EXPECT_FALSE(KeyReader("\x01no end").nullable_text(nullable));
  EXPECT_FALSE(KeyReader("\x01too short").nullable_uuid(id));
}

TEST(Key, LongestKeyOfTheSchemaFitsLmdb) {
  std::string mark;
  for (int i = 0; i < 50; ++i) mark += "\xF0\x9F\x94\xA9";
  // The id follows where a column is NULL; that of the drawing saves the least besides.
  const std::string key = encode({std::nullopt, mark, mark.substr(0, 40)});
  EXPECT_EQ(key.size() + sizeof(Uuid), 260U);
}

}  // namespace
}  // namespace piecemark::engine
