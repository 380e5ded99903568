#include "api/text/rows_ahead.h"

#include <gtest/gtest.h>

#include "tests/support/temporary.h"

namespace piecemark::text {
namespace {

using Row = IncomingText<ComponentColumns>;
using Source = RowSource<ComponentColumns>;

constexpr int kRows = 30'000;  // Many batches, and more bytes than a thread needs to be worth it.

class RowsAheadTest : public ::testing::TestWithParam<TextFormat> {
 protected:
  // Rows G0, G1, ... in which every 997th is invalid, and one is larger than a batch.
  std::string rows() const {
    const bool is_csv = GetParam() == TextFormat::csv;
    std::string text = is_csv ? "piece_mark,quantity,material_type,bounding_box\n" : "";
    for (int i = 0; i < kRows; ++i) {
      const std::string number = i % 997 == 996 ? "x" : std::to_string(i);
      const std::string box = "[" + std::string(i == 5'000 ? 1'000'000 : 20, '1') + "]";
      if (is_csv) {
        text += "G" + std::to_string(i) + "," + number + ",\"two\nlines\"," + box + "\n";
      } else {
        text += "{\"piece_mark\":\"G" + std::to_string(i) + "\",\"quantity\":" + number +
                ",\"bounding_box\":" + box + "}\n\n";
      }
    }
    return text;
  }
  std::unique_ptr<Source> source(const std::string& text) const {
    return Source::open({folder_.write("rows", text), GetParam()}, true);
  }
  static std::string shown(const Row& row) {
    return std::to_string(row.line) + " " + std::to_string(row.bytes_read) + " " +
           row.columns.piece_mark.value().value_or("-") + " " +
           std::to_string(row.columns.quantity.value().value_or(-1)) + " " +
           (row.problem ? row.problem->message : "") + " " + row.raw;
  }

  testing::TemporaryFolder folder_;
};

TEST_P(RowsAheadTest, GivesTheRowsOfItsSourceInTheirOrder) {
  const std::string text = rows();
  const auto one_by_one = source(text);
  const auto read_ahead = source(text);
  RowsAhead<ComponentColumns> ahead(*read_ahead);
  int count = 0;
  int invalid = 0;
  for (Row expected; one_by_one->next(expected); ++count) {
    const Row* const row = ahead.next();
    ASSERT_NE(row, nullptr);
    ASSERT_EQ(shown(*row), shown(expected));
    invalid += row->problem ? 1 : 0;
  }
  EXPECT_EQ(count, kRows);
  EXPECT_EQ(invalid, kRows / 997);
  EXPECT_EQ(ahead.next(), nullptr);
  EXPECT_EQ(ahead.next(), nullptr);
}

TEST_P(RowsAheadTest, CanBeLeftAnywhere) {
  const std::string text = rows();
  for (const int given : {0, 1, 127, 128, 129, 2'000}) {
    const auto from = source(text);
    RowsAhead<ComponentColumns> ahead(*from);
    for (int i = 0; i < given; ++i) ASSERT_NE(ahead.next(), nullptr);
  }
}

TEST(RowsAhead, AnErrorComesInThePlaceOfItsRow) {
  // A regular file that cannot be read.
  const auto from = Source::open({"/proc/self/mem", TextFormat::ndjson}, false);
  RowsAhead<ComponentColumns> ahead(*from);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(testing::error_of([&] { ahead.next(); }), ErrorCode::io_error) << "and stays";
}

INSTANTIATE_TEST_SUITE_P(Formats, RowsAheadTest, ::testing::Values(TextFormat::csv, TextFormat::ndjson));

}  // namespace
}  // namespace piecemark::text
