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

class CsvReader {
 public:
  explicit CsvReader(LineReader& lines) : lines_(lines) {}
  // The next record; false at the end. Empty lines are skipped. Valid until the next call.
  bool next(CsvRecord& record);
  // The last record as it stands in the file.
  std::string_view raw() const { return raw_; }

 private:
  bool gather(CsvRecord& record);
  void split(CsvRecord& record);

  LineReader& lines_;
  std::string raw_;     // the record as it stands in the file
  std::string values_;  // the fields without quotes; never grows while fields point into it
};

void append_csv_header(std::string& to);
void append_csv(std::string& to, const ComponentRow& row);
void append_csv_drawing_header(std::string& to);
void append_csv(std::string& to, const Drawing& drawing);

}  // namespace piecemark::text
