#include "api/text/csv.h"

#include "api/text/number_text.h"
#include "index/constraints.h"

namespace piecemark::text {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

Violation malformed(std::string message) {
  return index::input_violation(ErrorCode::invalid_text_representation, {}, std::move(message));
}

void append_field(std::string& to, std::string_view text) {
  const bool needs_quotes = text.empty() || text.find_first_of(",\"\r\n") != std::string_view::npos;
  if (!needs_quotes) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) {
    if (c == '"') to += '"';
    to += c;
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

  void operator()(const Uuid& id) { to_ += id.to_string(); }
  void operator()(std::string_view text) { append_field(to_, text); }
  void operator()(std::int32_t number) { to_ += std::to_string(number); }
  void operator()(double number) { append_double(to_, number); }
  void operator()(const Timestamp& instant) { to_ += instant.to_string(); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    if (value) (*this)(*value);
  }

 private:
  std::string& to_;
};

}  // namespace

// Collects the lines of one record: a line break within quotes does not end it. A quote opens only at the
// start of a field, so that a stray one elsewhere stays a matter of its own line.
bool CsvReader::gather(CsvRecord& record) {
  raw_.clear();
  QuoteState quotes;
  std::uint64_t quote_line = 0;
  for (;;) {
    std::string_view line;
    const LineReader::Result result = lines_.next(line);
    if (result == LineReader::Result::end) {
      if (!quotes.is_open) return false;
      record.is_last = true;
      record.problem = malformed("a quote opened in line " + std::to_string(quote_line) + " is never closed");
      return true;
    }
    if (raw_.empty()) record.line = lines_.line_number();
    if (result == LineReader::Result::too_long || raw_.size() + line.size() > kLineBytesMax) {
      record.is_last = true;
      record.problem = malformed("a record longer than " + std::to_string(kLineBytesMax) + " bytes");
      return true;
    }
    const bool was_open = quotes.is_open;
    quotes.follow(line);
    if (quotes.is_open && !was_open) quote_line = lines_.line_number();
    raw_ += line;
    if (quotes.is_open) {
      raw_ += '\n';
      continue;
    }
    if (raw_.ends_with('\r')) raw_.pop_back();
    if (!raw_.empty()) return true;
  }
}

void CsvReader::split(CsvRecord& record) {
  values_.clear();
  values_.reserve(raw_.size());
  const auto complain = [&](std::string_view what) {
    if (!record.problem)
      record.problem =
          malformed("field " + std::to_string(record.fields.size() + 1) + ": " + std::string(what));
  };
  for (std::size_t at = 0;; ++at) {
    const std::size_t start = values_.size();
    const bool is_quoted = at < raw_.size() && raw_[at] == '"';
    if (is_quoted) {
      for (++at; at < raw_.size(); ++at) {
        if (raw_[at] == '"') {
          if (at + 1 == raw_.size() || raw_[at + 1] != '"') break;
          ++at;
        }
        values_ += raw_[at];
      }
      ++at;
      if (at < raw_.size() && raw_[at] != ',') complain("text behind the closing quote");
    }
    for (; at < raw_.size() && raw_[at] != ','; ++at) {
      if (!is_quoted && raw_[at] == '"')
        complain("a quote within an unquoted field; quote the field and double the quote");
      values_ += raw_[at];
    }
    const std::size_t size = values_.size() - start;
    record.fields.push_back({std::string_view(values_).substr(start, size), !is_quoted && size == 0});
    if (at >= raw_.size()) return;
  }
}

bool CsvReader::next(CsvRecord& record) {
  record.fields.clear();
  record.problem.reset();
  record.is_last = false;
  if (!gather(record)) return false;
  if (!record.problem) split(record);
  return true;
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
