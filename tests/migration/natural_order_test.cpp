#include "migration/natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace piecemark::migration {
namespace {

TEST(NaturalOrder, NumbersCompareByTheirValue) {
  const std::vector<std::string> sorted{
      "",  "1",  "01", "2",   "9",    "10", "99999999999999999999", "100000000000000000000",
      "A", "A1", "A2", "A10", "A10b", "B"};
  std::vector<std::string> shuffled = sorted;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
  std::sort(shuffled.begin(), shuffled.end(),
            [](const auto& a, const auto& b) { return compare_naturally(a, b) < 0; });
  // "01" and "1" are the same number, and ordered byte by byte.
  std::vector<std::string> expected = sorted;
  std::swap(expected[1], expected[2]);
  EXPECT_EQ(shuffled, expected);
}

TEST(NaturalOrder, IsATotalOrder) {
  std::vector<std::string> texts;
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (std::size_t n = random() % 5; n > 0; --n) text += "019aA"[random() % 5];
    texts.push_back(text);
  }
  for (const auto& a : texts) {
    for (const auto& b : texts) {
      EXPECT_EQ(compare_naturally(a, b) == 0, a == b) << a << " " << b;
      EXPECT_EQ(compare_naturally(a, b) < 0, compare_naturally(b, a) > 0) << a << " " << b;
      for (const auto& c : texts) {
        if (compare_naturally(a, b) < 0 && compare_naturally(b, c) < 0) {
          EXPECT_TRUE(compare_naturally(a, c) < 0) << a << " " << b << " " << c;
        }
      }
    }
  }
}

}  // namespace
}  // namespace piecemark::migration
