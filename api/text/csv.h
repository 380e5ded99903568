// CSV as RFC 4180 has it: fields between commas, quoted where they hold commas, quotes or line breaks, a
// quote within them doubled. An empty field is NULL; a quoted empty field is the empty string, as in
// PostgreSQL's COPY.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/text/input.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/error.h"

namespace piecemark::text {

struct CsvField {
  std::string_view text;
  bool is_null = false;
};

struct CsvRecord {
  std::uint64_t line = 0;  // where it begins
  std::vector<CsvField> fields;
  std::optional<Violation> problem;  // with the fields that could be read; the record counts as one row
  bool is_last = false;              // after this problem nobody can tell where the next record begins
};

// Takes records apart. Fields borrow from the text and from the splitter, until its next call.
class CsvSplitter {
 public:
  // A record that ends within its line and has no problem; false, and no fields, for every other one.
  bool split_line(std::string_view line, std::vector<CsvField>& fields);
  // Any record; what is wrong with it becomes its problem.
  void split(std::string_view text, CsvRecord& record);

 private:
  bool take_quoted(const char*& at, const char* end, std::vector<CsvField>& fields);

  std::string values_;  // fields without quotes; never grows while fields point into it
};

class CsvReader {
 public:
  explicit CsvReader(LineReader& lines) : lines_(lines) {}
  // The next record; false at the end. Empty lines are skipped. Valid until the next call.
  bool next(CsvRecord& record);
  // The last record as it stands in the file, without its line end. Valid until the next call.
  std::string_view raw() const { return raw_; }

 private:
  void gather(std::string_view line, CsvRecord& record);

  LineReader& lines_;
  CsvSplitter splitter_;
  std::string_view raw_;
  std::string gathered_;  // the lines of a record that has several
};

void append_csv_header(std::string& to);
void append_csv(std::string& to, const ComponentRow& row);
void append_csv_drawing_header(std::string& to);
void append_csv(std::string& to, const Drawing& drawing);

}  // namespace piecemark::text
