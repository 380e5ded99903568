#include "index/text_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace piecemark::index {
namespace {

// Texts of up to 40 bytes in which the bytes that mean something, and their neighbours, are frequent.
class TextScan : public ::testing::Test {
 protected:
  std::string next() {
    constexpr std::string_view kOdd("\0\1\x1F\x20\x21\"#,-[\\]\r\n\x7F\x80\xA2\xDC\xFF", 19);
    std::string text(random_() % 40, 'x');
    for (char& c : text) {
      if (random_() % 12 == 0) c = kOdd[random_() % kOdd.size()];
    }
    return text;
  }
  std::mt19937 random_{3};
};

TEST_F(TextScan, FindsWhatOneByteAtATimeFinds) {
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = next();
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto first = [&](const auto& is_wanted) { return std::find_if(begin, end, is_wanted); };
    ASSERT_EQ(end_of_plain(begin, end),
              first([](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }));
    ASSERT_EQ(find_any(begin, end, ','), first([](char c) { return c == ','; }));
    ASSERT_EQ(find_any(begin, end, ',', '"'), first([](char c) { return c == ',' || c == '"'; }));
    ASSERT_EQ(is_plain_ascii(text),
              first([](char c) { return c == '\0' || static_cast<unsigned char>(c) >= 0x80; }) == end);
  }
}

TEST_F(TextScan, NothingIsFoundInNothing) {
  EXPECT_EQ(end_of_plain(nullptr, nullptr), nullptr);
  EXPECT_EQ(find_any(nullptr, nullptr, ','), nullptr);
  EXPECT_TRUE(is_plain_ascii({}));
}

}  // namespace
}  // namespace piecemark::index
