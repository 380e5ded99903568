#include "api/text/input.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/temporary.h"

namespace piecemark::text {
namespace {

TEST(LineReader, GivesLinesOfEverySize) {
  const testing::TemporaryFolder folder;
  std::mt19937 random(2);
  std::vector<std::string> expected;
  std::string text;
  for (int i = 0; i < 3'000; ++i) {
    const std::size_t size = random() % (i % 100 == 0 ? 700'000 : 300);
    expected.emplace_back(size, static_cast<char>('a' + i % 26));
    text += expected.back() + "\n";
  }
  text.pop_back();
  LineReader lines(folder.write("lines", text));
  std::string_view line;
  for (const std::string& wanted : expected) {
    ASSERT_EQ(lines.next(line), LineReader::Result::line);
    ASSERT_EQ(line, wanted);
  }
  EXPECT_EQ(lines.next(line), LineReader::Result::end);
  EXPECT_EQ(lines.line_number(), expected.size());
  EXPECT_EQ(lines.bytes_read(), text.size());
}

TEST(LineReader, SkipsALineThatIsTooLong) {
  const testing::TemporaryFolder folder;
  const std::string exact(kLineBytesMax, 'x');
  LineReader lines(folder.write("lines", "a\n" + exact + "\n" + exact + "x\n" + exact + exact + "\nb\n"));
  std::string_view line;
  EXPECT_EQ(lines.next(line), LineReader::Result::line);
  EXPECT_EQ(lines.next(line), LineReader::Result::line);
  EXPECT_EQ(line.size(), kLineBytesMax);
  EXPECT_EQ(lines.next(line), LineReader::Result::too_long);
  EXPECT_EQ(lines.next(line), LineReader::Result::too_long);
  EXPECT_EQ(lines.next(line), LineReader::Result::line);
  EXPECT_EQ(line, "b");
  EXPECT_EQ(lines.line_number(), 5U);
  EXPECT_EQ(lines.bytes_read(), lines.bytes_total());
  EXPECT_EQ(lines.next(line), LineReader::Result::end);
}

}  // namespace
}  // namespace piecemark::text
