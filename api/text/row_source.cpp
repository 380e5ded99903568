#include "api/text/row_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/text/csv.h"
#include "api/text/json_reader.h"
#include "api/text/json_writer.h"
#include "api/text/malformed.h"
#include "engine/shown.h"
#include "index/constraints.h"
#include "index/json_text.h"

namespace piecemark::text {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Of the first line. Text in UTF-16 has a byte that is 0 in most of its characters.
index::Verdict check_encoding(std::string_view line) {
  if (line.starts_with(std::string_view("\xFF\xFE\0\0", 4)) ||
      line.starts_with(std::string_view("\0\0\xFE\xFF", 4)))
    return index::input_violation(
        ErrorCode::character_not_in_repertoire, {},
        "text in UTF-32; save the file as UTF-8, or turn it into that: iconv -f UTF-32 -t UTF-8 FILE");
  const bool is_little =
      line.starts_with("\xFF\xFE") || (line.size() > 1 && line[0] != '\0' && line[1] == '\0');
  const bool is_big = line.starts_with("\xFE\xFF") || (line.size() > 1 && line[0] == '\0' && line[1] != '\0');
  if (!is_little && !is_big) return std::nullopt;
  return index::input_violation(
      ErrorCode::character_not_in_repertoire, {},
      std::string("text in UTF-16 (") + (is_little ? "little" : "big") +
          " endian); save the file as UTF-8, or turn it into that: iconv -f UTF-16" +
          (is_little ? "LE" : "BE") + " -t UTF-8 FILE");
}

Violation byte_order_mark() {
  return index::input_violation(
      ErrorCode::character_not_in_repertoire, {},
      "a byte order mark (EF BB BF) before the first character; save the file as UTF-8 without it, "
      "or remove it: tail -c +4 FILE");
}

// What CSV needs to know of a kind of row: how its columns are called and told apart, and which one must be there.
template <class Columns>
struct KindOfRow;

template <>
struct KindOfRow<ComponentColumns> {
  using ColumnId = Column;
  static constexpr std::string_view kRequired = "piece_mark";

  static std::vector<std::string_view> names() {
    std::vector<std::string_view> names;
    for (const ColumnInfo& info : kColumns) names.push_back(info.name);
    return names;
  }
  static ColumnId column(std::string_view known_name) { return *column_named(known_name); }
};

template <>
struct KindOfRow<DrawingColumns> {
  using ColumnId = std::string;
  static constexpr std::string_view kRequired = "id";

  static std::vector<std::string_view> names() { return {"id", "name"}; }
  static ColumnId column(std::string_view known_name) { return std::string(known_name); }
};

template <class Columns>
class CsvSource final : public RowSource<Columns> {
 public:
  CsvSource(const TextSource& source, bool keep_raw)
      : RowSource<Columns>(source), keep_raw_(keep_raw), reader_(this->lines_) {
    read_header();
  }

  bool next(IncomingText<Columns>& row) override {
    if (!reader_.next(record_)) return false;
    row.line = record_.line;
    row.bytes_read = this->lines_.bytes_read();
    row.columns = {};
    row.problem = std::move(record_.problem);
    row.is_last = record_.is_last;
    if (keep_raw_) row.raw = reader_.raw();
    if (!row.problem) row.problem = bind(row.columns);
    return true;
  }

  void append_raw(const IncomingText<Columns>& row, std::string& to) const override {
    CsvSplitter splitter;
    CsvRecord record;
    splitter.split(row.raw, record);
    JsonObject object(to);
    for (std::size_t i = 0; i < std::min(header_.size(), record.fields.size()); ++i) {
      append_value(object, header_[i], record.fields[i]);
    }
  }

 private:
  index::Verdict bind(Columns& columns) const {
    const std::vector<CsvField>& fields = record_.fields;
    if (fields.size() != header_.size()) {
      return malformed(std::to_string(fields.size()) + " fields, the header has " +
                       std::to_string(header_.size()));
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto text = fields[i].is_null ? std::nullopt : std::optional(fields[i].text);
      if (auto verdict = bind_text(columns, columns_[i], text)) return verdict;
    }
    return std::nullopt;
  }

  // Numbers and JSON stand as themselves where they are valid, so that a mended reject can be imported again.
  static void append_value(JsonObject& object, const std::string& name, const CsvField& field) {
    const auto column = column_named(name);
    const bool is_number = column == Column::quantity || column == Column::location_x ||
                           column == Column::location_y || column == Column::confidence_score;
    if (field.is_null) {
      object.add_null(name);
    } else if (!simdjson::validate_utf8(field.text.data(), field.text.size())) {
      object.add(name, "(not valid UTF-8)");
    } else if ((is_number || column == Column::bounding_box) && index::inspect_json(field.text).is_valid) {
      object.begin(name) += index::without_blanks(field.text);
    } else {
      object.add(name, field.text);
    }
  }

  void read_header() {
    if (!reader_.next(record_))
      refuse_row(this->path(), 1, malformed("no header line; the first line must name the columns"));
    if (auto verdict = check_encoding(reader_.raw()))
      refuse_row(this->path(), record_.line, std::move(*verdict));
    if (reader_.raw().starts_with(kByteOrderMark)) refuse_row(this->path(), record_.line, byte_order_mark());
    if (record_.problem) refuse_row(this->path(), record_.line, *record_.problem);
    const auto names = KindOfRow<Columns>::names();
    std::string known;
    for (const std::string_view name : names) known.append(known.empty() ? "" : ", ").append(name);
    for (const CsvField& field : record_.fields) {
      const std::string name(field.text);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        refuse_row(this->path(), record_.line,
                   malformed("the unknown column " + engine::shown(name) + "; known are " + known));
      }
      if (std::find(header_.begin(), header_.end(), name) != header_.end()) {
        refuse_row(this->path(), record_.line,
                   malformed("the column " + engine::shown(name) + " occurs twice in the header"));
      }
      header_.push_back(name);
      columns_.push_back(KindOfRow<Columns>::column(name));
    }
    const std::string_view required = KindOfRow<Columns>::kRequired;
    if (std::find(header_.begin(), header_.end(), required) == header_.end()) {
      refuse_row(this->path(), record_.line,
                 malformed("no column \"" + std::string(required) + "\" in the header"));
    }
  }

  bool keep_raw_;
  CsvReader reader_;
  CsvRecord record_;
  std::vector<std::string> header_;
  std::vector<typename KindOfRow<Columns>::ColumnId> columns_;  // of the header
};

template <class Columns>
class NdjsonSource final : public RowSource<Columns> {
 public:
  NdjsonSource(const TextSource& source, bool keep_raw) : RowSource<Columns>(source), keep_raw_(keep_raw) {}

  bool next(IncomingText<Columns>& row) override {
    std::string_view line;
    for (;;) {
      const LineReader::Result result = this->lines_.next(line);
      if (result == LineReader::Result::end) return false;
      if (result == LineReader::Result::line && line.find_first_not_of(" \t\r") == std::string_view::npos)
        continue;
      row.line = this->lines_.line_number();
      row.bytes_read = this->lines_.bytes_read();
      row.columns = {};
      row.raw.clear();
      if (result == LineReader::Result::too_long) {
        row.problem = malformed("a line longer than " + std::to_string(kLineBytesMax) + " bytes");
        if (keep_raw_) row.raw = "null";
      } else {
        std::string_view json;
        row.problem = bind(line, row.columns, json);
        if (keep_raw_) keep_raw(line, json, row.raw);
      }
      return true;
    }
  }

  void append_raw(const IncomingText<Columns>& row, std::string& to) const override { to += row.raw; }

 private:
  // `json` becomes the row's own text, where the line is JSON.
  index::Verdict bind(std::string_view line, Columns& columns, std::string_view& json) {
    if (this->lines_.line_number() == 1) {
      if (auto verdict = check_encoding(line)) return verdict;
      if (line.starts_with(kByteOrderMark)) return byte_order_mark();
    }
    auto read = reader_.read_object(line);
    if (auto* violation = std::get_if<Violation>(&read)) return std::move(*violation);
    const std::vector<JsonMember>* members = std::get<const std::vector<JsonMember>*>(read);
    json = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    // A file of rejects holds its rows under "row"; once mended, it can be imported as it is.
    const JsonMember* row = find_member(*members, "row");
    if (row != nullptr && row->kind == JsonMember::Kind::object) {
      json = row->raw;
      auto inner = row_reader_.read_object(json);
      if (auto* violation = std::get_if<Violation>(&inner)) return std::move(*violation);
      members = std::get<const std::vector<JsonMember>*>(inner);
    }
    return bind_json(columns, *members);
  }

  static void keep_raw(std::string_view line, std::string_view json, std::string& raw) {
    if (!json.empty()) {
      raw = json;
    } else {
      append_json_string(raw, simdjson::validate_utf8(line.data(), line.size()) ? line : "(not valid UTF-8)");
    }
  }

  bool keep_raw_;
  JsonReader reader_;
  JsonReader row_reader_;
};

}  // namespace

void refuse_row(const std::string& path, std::uint64_t line, Violation violation) {
  std::string attempted = "cannot import '" + path + "', line " + std::to_string(line);
  if (!violation.column.empty()) attempted += ", column " + violation.column;
  throw ConstraintViolation(std::move(attempted), std::move(violation));
}

std::optional<TextFormat> text_format_of(const std::string& path) {
  if (path.ends_with(".csv")) return TextFormat::csv;
  if (path.ends_with(".ndjson") || path.ends_with(".jsonl") || path.ends_with(".json"))
    return TextFormat::ndjson;
  return std::nullopt;
}

template <class Columns>
std::unique_ptr<RowSource<Columns>> RowSource<Columns>::open(const TextSource& source, bool keep_raw) {
  if (source.format == TextFormat::csv) return std::make_unique<CsvSource<Columns>>(source, keep_raw);
  return std::make_unique<NdjsonSource<Columns>>(source, keep_raw);
}

template class RowSource<ComponentColumns>;
template class RowSource<DrawingColumns>;

}  // namespace piecemark::text
