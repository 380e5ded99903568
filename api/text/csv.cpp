#include "api/text/csv.h"

#include "api/text/malformed.h"

#include <array>
#include <utility>

#include "api/text/number_text.h"
#include "index/constraints.h"
#include "index/text_scan.h"

namespace piecemark::text {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Behind such a record nobody can tell where the next one begins.
void refuse_rest(CsvRecord& record, std::string message) {
  record.is_last = true;
  record.problem = malformed(std::move(message));
}
void refuse_long(CsvRecord& record) {
  refuse_rest(record, "a record longer than " + std::to_string(kLineBytesMax) + " bytes");
}

void append_field(std::string& to, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (!text.empty() && index::find_any(at, end, ',', '"', '\r', '\n') == end) {
    to += text;
    return;
  }
  to += '"';
  for (;;) {
    const char* const quote = index::find_any(at, end, '"');
    to.append(at, quote);
    if (quote == end) break;
    to += "\"\"";
    at = quote + 1;
  }
  to += '"';
}

// Whether a quoted field is open, character by character.
struct QuoteState {
  bool is_open = false;
  bool at_field_start = true;
  bool after_quote = false;  // within a quoted field: behind a quote that closes it, or is the first of two

  void follow(std::string_view line) {
    if (!is_open) at_field_start = true;
    for (const char c : line) step(c);
    if (is_open && after_quote) close();  // A line break behind the closing quote.
  }

 private:
  void step(char c) {
    if (is_open && after_quote) {
      after_quote = false;
      if (c != '"') close();
    } else if (is_open) {
      after_quote = c == '"';
      return;
    } else if (at_field_start && c == '"') {
      is_open = true;
      at_field_start = false;
      return;
    }
    if (!is_open) at_field_start = c == ',';
  }
  void close() {
    is_open = false;
    after_quote = false;
  }
};

class FieldWriter {
 public:
  explicit FieldWriter(std::string& to) : to_(to) {}

  void operator()(const Uuid& id) {
    std::array<char, Uuid::kTextSize> text;  // NOLINT(*-member-init): written before it is read
    to_.append(text.data(), id.write_text(text.data()));
  }
  void operator()(std::string_view text) { append_field(to_, text); }
  void operator()(std::int32_t number) { append_int32(to_, number); }
  void operator()(double number) { append_double(to_, number); }
  void operator()(const Timestamp& instant) {
    std::array<char, Timestamp::kTextSizeMax> text;  // NOLINT(*-member-init): as above
    to_.append(text.data(), instant.write_text(text.data()));
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    if (value) (*this)(*value);
  }

 private:
  std::string& to_;
};

}  // namespace

bool CsvSplitter::split_line(std::string_view line, std::vector<CsvField>& fields) {
  fields.clear();
  values_.clear();
  values_.reserve(line.size());
  const char* at = line.data();
  const char* const end = at + line.size();
  for (;; ++at) {
    if (at != end && *at == '"') {
      if (!take_quoted(at, end, fields)) break;
    } else {
      const char* const start = at;
      at = index::find_any(at, end, ',', '"');
      fields.push_back({{start, at}, start == at});
    }
    if (at == end) return true;
    if (*at != ',') break;
  }
  fields.clear();
  return false;
}

// From an opening quote to behind the closing one; false where there is none.
bool CsvSplitter::take_quoted(const char*& at, const char* end, std::vector<CsvField>& fields) {
  const char* const start = ++at;
  const std::size_t values_before = values_.size();
  const char* quote = index::find_any(at, end, '"');
  for (; end - quote >= 2 && quote[1] == '"'; quote = index::find_any(at, end, '"')) {
    values_.append(at, quote + 1);
    at = quote + 2;
  }
  if (quote == end) return false;
  if (at == start) {
    fields.push_back({{start, quote}, false});
  } else {
    values_.append(at, quote);
    fields.push_back({std::string_view(values_).substr(values_before), false});
  }
  at = quote + 1;
  return true;
}

void CsvSplitter::split(std::string_view text, CsvRecord& record) {
  values_.clear();
  values_.reserve(text.size());
  const auto complain = [&](std::string_view what) {
    if (!record.problem)
      record.problem =
          malformed("field " + std::to_string(record.fields.size() + 1) + ": " + std::string(what));
  };
  for (std::size_t at = 0;; ++at) {
    const std::size_t start = values_.size();
    const bool is_quoted = at < text.size() && text[at] == '"';
    if (is_quoted) {
      for (++at; at < text.size(); ++at) {
        if (text[at] == '"') {
          if (at + 1 == text.size() || text[at + 1] != '"') break;
          ++at;
        }
        values_ += text[at];
      }
      ++at;
      if (at < text.size() && text[at] != ',') complain("text behind the closing quote");
    }
    for (; at < text.size() && text[at] != ','; ++at) {
      if (!is_quoted && text[at] == '"')
        complain("a quote within an unquoted field; quote the field and double the quote");
      values_ += text[at];
    }
    const std::size_t size = values_.size() - start;
    record.fields.push_back({std::string_view(values_).substr(start, size), !is_quoted && size == 0});
    if (at >= text.size()) return;
  }
}

bool CsvReader::next(CsvRecord& record) {
  record.fields.clear();
  record.problem.reset();
  record.is_last = false;
  for (;;) {
    std::string_view line;
    const LineReader::Result result = lines_.next(line);
    if (result == LineReader::Result::end) return false;
    record.line = lines_.line_number();
    if (result == LineReader::Result::too_long) {
      raw_ = {};
      refuse_long(record);
      return true;
    }
    raw_ = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    if (raw_.empty()) continue;
    if (!splitter_.split_line(raw_, record.fields)) {
      gather(line, record);
      raw_ = gathered_;
      if (!record.problem) splitter_.split(raw_, record);
    }
    return true;
  }
}

// Collects the lines of one record, of which `line` is the first: a line break within quotes does not end it. A quote
// opens only at the start of a field, so that a stray one elsewhere stays a matter of its own line.
void CsvReader::gather(std::string_view line, CsvRecord& record) {
  gathered_.clear();
  QuoteState quotes;
  std::uint64_t quote_line = 0;
  for (;;) {
    const bool was_open = quotes.is_open;
    quotes.follow(line);
    if (quotes.is_open && !was_open) quote_line = lines_.line_number();
    gathered_ += line;
    if (!quotes.is_open) break;
    gathered_ += '\n';
    const LineReader::Result result = lines_.next(line);
    if (result == LineReader::Result::end) {
      refuse_rest(record, "a quote opened in line " + std::to_string(quote_line) + " is never closed");
      return;
    }
    if (result == LineReader::Result::too_long || gathered_.size() + line.size() > kLineBytesMax) {
      refuse_long(record);
      return;
    }
  }
  if (gathered_.ends_with('\r')) gathered_.pop_back();
}

void append_csv_header(std::string& to) {
  for (const ColumnInfo& info : kColumns) {
    if (info.column != Column::id) to += ',';
    to += info.name;
  }
  to += kLineEnd;
}

void append_csv(std::string& to, const ComponentRow& row) {
  for_each_column(row, [&](Column column, const auto& value) {
    if (column != Column::id) to += ',';
    FieldWriter{to}(value);
  });
  to += kLineEnd;
}

void append_csv_drawing_header(std::string& to) {
  to.append("id,name").append(kLineEnd);
}

void append_csv(std::string& to, const Drawing& drawing) {
  to += drawing.id.to_string();
  to += ',';
  if (drawing.name) append_field(to, *drawing.name);
  to += kLineEnd;
}

}  // namespace piecemark::text
