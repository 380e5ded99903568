#include "api/text/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "tests/support/temporary.h"

namespace piecemark::text {
namespace {

std::string shown(const std::vector<CsvField>& fields) {
  std::string text;
  for (const CsvField& field : fields) text += field.is_null ? "NULL|" : "<" + std::string(field.text) + ">|";
  return text;
}

std::string shown(const CsvRecord& record) {
  return std::to_string(record.line) + ": " +
         (record.problem ? record.problem->message + (record.is_last ? ", and no more" : "")
                         : shown(record.fields)) +
         "\n";
}

std::string read(const testing::TemporaryFolder& folder, const std::string& text) {
  LineReader lines(folder.write("rows.csv", text));
  CsvReader reader(lines);
  std::string rows;
  for (CsvRecord record; reader.next(record);) {
    rows += shown(record);
    if (record.is_last) break;
  }
  return rows;
}

TEST(Csv, FieldsAreNullEmptyOrText) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(read(folder, "a,,\"\",\"b\"\"c\",\"d,e\"\r\n\r\n\n,\n\"f\ng\",\"\"\"\"\nlast"),
            "1: <a>|NULL|<>|<b\"c>|<d,e>|\n"
            "4: NULL|NULL|\n"
            "5: <f\ng>|<\">|\n"
            "7: <last>|\n");
}

TEST(Csv, ProblemsAreThoseOfTheirRecord) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(read(folder, "a\"b,c\n\"d\"e\nf\n\"g\nh"),
            "1: field 1: a quote within an unquoted field; quote the field and double the quote\n"
            "2: field 1: text behind the closing quote\n"
            "3: <f>|\n"
            "4: a quote opened in line 4 is never closed, and no more\n");
}

// What is split at once, without a look at every character, is split as by that look.
TEST(Csv, BothWaysOfSplittingAgree) {
  static constexpr std::string_view kPieces[] = {
      "\"", "\"", "\"\"", ",", ",", "a", "bcdefghij", "\",\"", "\r", "{\"\"x\"\":1}", "\xC3\xA9"};
  std::mt19937 random(5);
  int at_once = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string line;
    for (std::size_t n = random() % 12; n > 0; --n) line += kPieces[random() % std::size(kPieces)];
    CsvSplitter fast;
    CsvSplitter slow;
    std::vector<CsvField> fields;
    CsvRecord expected;
    slow.split(line, expected);
    if (fast.split_line(line, fields)) {
      ++at_once;
      ASSERT_FALSE(expected.problem) << line;
      ASSERT_EQ(shown(fields), shown(expected.fields)) << line;
    } else {
      // A quote that is open at the end is no problem of its line: the record goes on.
      ASSERT_TRUE(fields.empty());
      ASSERT_NE(line.find('"'), std::string::npos) << line;
    }
  }
  EXPECT_GT(at_once, 50'000);
}

// A plain quote in the middle of a field is all that keeps a line without open quotes from being split at once.
TEST(Csv, WellFormedLinesAreSplitAtOnce) {
  std::mt19937 random(6);
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::optional<std::string>> values(1 + random() % 6);
    std::string line;
    std::string expected;
    for (std::size_t n = 0; n < values.size(); ++n) {
      std::string value(random() % 20, 'v');
      for (char& c : value) c = "abc,\"\r"[random() % 6];
      const bool is_quoted = random() % 2 == 0 || value.find_first_of(",\"\r") != std::string::npos;
      if (n > 0) line += ',';
      if (is_quoted) {
        line += '"';
        for (const char c : value) line += c == '"' ? std::string("\"\"") : std::string(1, c);
        line += '"';
      } else {
        line += value;
      }
      expected += value.empty() && !is_quoted ? "NULL|" : "<" + value + ">|";
    }
    CsvSplitter splitter;
    std::vector<CsvField> fields;
    ASSERT_TRUE(splitter.split_line(line, fields)) << line;
    ASSERT_EQ(shown(fields), expected) << line;
  }
}

TEST(Csv, WrittenFieldsReadBack) {
  const testing::TemporaryFolder folder;
  std::mt19937 random(8);
  std::string text;
  std::string expected;
  std::uint64_t line = 1;
  for (int i = 0; i < 5'000; ++i) {
    Drawing drawing;
    std::string name(random() % 30, ' ');
    for (char& c : name) c = "ab,\"\n."[random() % 6];
    drawing.name = name;
    append_csv(text, drawing);
    expected += std::to_string(line) + ": <" + drawing.id.to_string() + ">|<" + name + ">|\n";
    line += 1 + static_cast<std::uint64_t>(std::count(name.begin(), name.end(), '\n'));
  }
  EXPECT_EQ(read(folder, text), expected);
}

}  // namespace
}  // namespace piecemark::text
