#include "api/text/import.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "api/text/csv.h"
#include "api/text/input.h"
#include "api/text/json_reader.h"
#include "api/text/json_writer.h"
#include "api/text/row_binding.h"
#include "index/json_text.h"

namespace piecemark::text {
namespace {

constexpr std::uint64_t kRowsBetweenReports = 4096;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Violation malformed(std::string message) {
  return index::input_violation(ErrorCode::invalid_text_representation, {}, std::move(message));
}

std::string reading(const LineReader& lines, std::uint64_t line, const Violation& violation) {
  std::string text = "cannot import '" + lines.path() + "', line " + std::to_string(line);
  if (!violation.column.empty()) text += ", column " + violation.column;
  return text;
}

[[noreturn]] void refuse(const LineReader& lines, std::uint64_t line, Violation violation) {
  std::string attempted = reading(lines, line, violation);
  throw ConstraintViolation(std::move(attempted), std::move(violation));
}

Violation byte_order_mark() {
  return index::input_violation(
      ErrorCode::character_not_in_repertoire, {},
      "a byte order mark (EF BB BF) before the first character; save the file as UTF-8 without it, "
      "or remove it: tail -c +4 FILE");
}

// The columns that a kind of row may have, for the header of CSV.
template <class Columns>
std::vector<std::string_view> names_of();
template <>
std::vector<std::string_view> names_of<ComponentColumns>() {
  std::vector<std::string_view> names;
  for (const ColumnInfo& info : kColumns) names.push_back(info.name);
  return names;
}
template <>
std::vector<std::string_view> names_of<DrawingColumns>() {
  return {"id", "name"};
}

constexpr std::string_view required_name(const ComponentColumns& /*kind*/) {
  return "piece_mark";
}
constexpr std::string_view required_name(const DrawingColumns& /*kind*/) {
  return "id";
}

index::Verdict bind_named(ComponentColumns& columns, std::string_view name,
                          std::optional<std::string_view> text) {
  return bind_text(columns, *column_named(name), text);
}
index::Verdict bind_named(DrawingColumns& columns, std::string_view name,
                          std::optional<std::string_view> text) {
  return bind_text(columns, name, text);
}

// A row from outside, or what is wrong with it.
template <class Columns>
struct IncomingText {
  std::uint64_t line = 0;
  Columns columns;
  std::optional<Violation> problem;
  bool is_last = false;  // the problem makes the rest of the file unreadable
};

// Rows of one kind from one file.
template <class Columns>
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual bool next(IncomingText<Columns>& row) = 0;
  // The last row as a JSON value, for the file of rejects.
  virtual void append_raw(std::string& to) const = 0;
  virtual const LineReader& lines() const = 0;
};

template <class Columns>
class CsvSource final : public RowSource<Columns> {
 public:
  explicit CsvSource(const std::string& path) : lines_(path), reader_(lines_) { read_header(); }

  bool next(IncomingText<Columns>& row) override {
    if (!reader_.next(record_)) return false;
    row.line = record_.line;
    row.columns = {};
    row.problem = std::move(record_.problem);
    row.is_last = record_.is_last;
    if (!row.problem && record_.fields.size() != header_.size()) {
      row.problem = malformed(std::to_string(record_.fields.size()) + " fields, the header has " +
                              std::to_string(header_.size()));
    }
    for (std::size_t i = 0; !row.problem && i < header_.size(); ++i) {
      const CsvField& field = record_.fields[i];
      row.problem =
          bind_named(row.columns, header_[i], field.is_null ? std::nullopt : std::optional(field.text));
    }
    return true;
  }

  void append_raw(std::string& to) const override {
    JsonObject object(to);
    for (std::size_t i = 0; i < std::min(header_.size(), record_.fields.size()); ++i) {
      append_value(object, header_[i], record_.fields[i]);
    }
  }

  const LineReader& lines() const override { return lines_; }

 private:
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
      refuse(lines_, 1, malformed("no header line; the first line must name the columns"));
    if (reader_.raw().starts_with(kByteOrderMark)) refuse(lines_, record_.line, byte_order_mark());
    if (record_.problem) refuse(lines_, record_.line, *record_.problem);
    const auto names = names_of<Columns>();
    std::string known;
    for (const std::string_view name : names) known.append(known.empty() ? "" : ", ").append(name);
    for (const CsvField& field : record_.fields) {
      const std::string name(field.text);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        refuse(lines_, record_.line, malformed("the unknown column \"" + name + "\"; known are " + known));
      }
      if (std::find(header_.begin(), header_.end(), name) != header_.end()) {
        refuse(lines_, record_.line, malformed("the column \"" + name + "\" occurs twice in the header"));
      }
      header_.push_back(name);
    }
    const std::string_view required = required_name(Columns{});
    if (std::find(header_.begin(), header_.end(), required) == header_.end()) {
      refuse(lines_, record_.line, malformed("no column \"" + std::string(required) + "\" in the header"));
    }
  }

  LineReader lines_;
  CsvReader reader_;
  CsvRecord record_;
  std::vector<std::string> header_;
};

template <class Columns>
class NdjsonSource final : public RowSource<Columns> {
 public:
  explicit NdjsonSource(const std::string& path) : lines_(path) {}

  bool next(IncomingText<Columns>& row) override {
    for (;;) {
      const LineReader::Result result = lines_.next(line_);
      if (result == LineReader::Result::end) return false;
      row.line = lines_.line_number();
      row.columns = {};
      row.problem.reset();
      is_json_ = false;
      is_too_long_ = result == LineReader::Result::too_long;
      if (result == LineReader::Result::too_long) {
        row.problem = malformed("a line longer than " + std::to_string(kLineBytesMax) + " bytes");
        return true;
      }
      if (line_.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      row.problem = bind(row.columns);
      return true;
    }
  }

  void append_raw(std::string& to) const override {
    if (is_json_) {
      to += raw_;
    } else if (is_too_long_) {
      to += "null";
    } else {
      append_json_string(to,
                         simdjson::validate_utf8(line_.data(), line_.size()) ? line_ : "(not valid UTF-8)");
    }
  }

  const LineReader& lines() const override { return lines_; }

 private:
  index::Verdict bind(Columns& columns) {
    if (lines_.line_number() == 1 && line_.starts_with(kByteOrderMark)) return byte_order_mark();
    auto read = reader_.read_object(line_);
    if (auto* violation = std::get_if<Violation>(&read)) return std::move(*violation);
    const std::vector<JsonMember>* members = std::get<const std::vector<JsonMember>*>(read);
    raw_ = line_.substr(0, line_.find_last_not_of(" \t\r") + 1);
    is_json_ = true;
    // A file of rejects holds its rows under "row"; once mended, it can be imported as it is.
    const JsonMember* row = find_member(*members, "row");
    if (row != nullptr && row->kind == JsonMember::Kind::object) {
      raw_ = row->raw;
      auto inner = row_reader_.read_object(raw_);
      if (auto* violation = std::get_if<Violation>(&inner)) return std::move(*violation);
      members = std::get<const std::vector<JsonMember>*>(inner);
    }
    return bind_json(columns, *members);
  }

  LineReader lines_;
  JsonReader reader_;
  JsonReader row_reader_;
  std::string_view line_;
  std::string raw_;
  bool is_json_ = false;
  bool is_too_long_ = false;
};

template <class Columns>
std::unique_ptr<RowSource<Columns>> open_source(const std::optional<ImportOptions::Source>& source) {
  if (!source) return nullptr;
  if (source->format == TextFormat::csv) return std::make_unique<CsvSource<Columns>>(source->path);
  return std::make_unique<NdjsonSource<Columns>>(source->path);
}

// The file of rejects: {"line":2,"code":"...","column":"...","message":"...","row":{...}} for each invalid
// row.
class Rejects {
 public:
  explicit Rejects(const std::string& path) : path_(path) {
    if (path.empty()) return;
    file_.open(path, std::ios::binary | std::ios::trunc);
    check();
  }

  template <class Columns>
  void add(const RowSource<Columns>& source, std::uint64_t line, const Violation& violation) {
    if (path_.empty()) return;
    std::string text;
    {
      JsonObject object(text);
      object.add("line", line).add("code", name_of(violation.code));
      object.add_text_or_null("constraint", violation.constraint)
          .add_text_or_null("column", violation.column);
      object.add("message", violation.message);
      source.append_raw(object.begin("row"));
    }
    text += '\n';
    file_.write(text.data(), static_cast<std::streamsize>(text.size()));
    check();
  }

  void finish() {
    if (path_.empty()) return;
    file_.flush();
    check();
  }

 private:
  void check() const {
    if (file_) return;
    throw Error(ErrorCode::io_error,
                {"cannot write rejects to '" + path_ + "'",
                 "a file that takes no data",
                 {},
                 "check the folder, its permissions and the free space; nothing was stored"});
  }

  std::string path_;
  std::ofstream file_;
};

// A rejected operation of the store, as the violation that it reports.
template <class Work>
std::optional<Violation> attempt(const Work& work) {
  try {
    work();
    return std::nullopt;
  } catch (const ConstraintViolation& error) {
    return error.violation();
  }
}

}  // namespace

std::optional<TextFormat> text_format_of(const std::string& path) {
  if (path.ends_with(".csv")) return TextFormat::csv;
  if (path.ends_with(".ndjson") || path.ends_with(".jsonl") || path.ends_with(".json"))
    return TextFormat::ndjson;
  return std::nullopt;
}

struct Importer::State {
  ImportOptions options;
  std::unique_ptr<RowSource<DrawingColumns>> drawings;
  std::unique_ptr<RowSource<ComponentColumns>> components;
  ImportResult result;

  std::uint64_t bytes_done() const {
    return (drawings ? drawings->lines().bytes_read() : 0) +
           (components ? components->lines().bytes_read() : 0);
  }
  std::uint64_t bytes_total() const {
    const std::uint64_t of_drawings = drawings ? drawings->lines().bytes_total() : 0;
    return of_drawings + (components ? components->lines().bytes_total() : 0);
  }

  // Gives every row of the source to `store`, which throws what the store has against it.
  template <class Columns, class Insert>
  void each_row(RowSource<Columns>& source, Rejects& rejects, const Insert& insert) {
    std::uint64_t rows = 0;
    for (IncomingText<Columns> row; source.next(row); ++rows) {
      if (!row.problem) row.problem = attempt([&] { insert(row.columns); });
      if (row.problem) {
        if (!options.skip_invalid || row.is_last) refuse(source.lines(), row.line, std::move(*row.problem));
        ++result.invalid;
        rejects.add(source, row.line, *row.problem);
      }
      if (options.on_progress && rows % kRowsBetweenReports == 0)
        options.on_progress(rows, bytes_done(), bytes_total());
    }
    if (options.on_progress) options.on_progress(rows, bytes_done(), bytes_total());
  }
};

Importer::Importer(ImportOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->drawings = open_source<DrawingColumns>(state_->options.drawings);
  state_->components = open_source<ComponentColumns>(state_->options.components);
}

Importer::~Importer() = default;

ImportResult Importer::run(Store& store) {
  State& in = *state_;
  WriteTxn transaction = store.write();
  Rejects rejects(in.options.rejects_path);
  if (in.drawings) {
    in.each_row(*in.drawings, rejects, [&](const DrawingColumns& columns) {
      auto drawing = to_drawing(columns);
      if (auto* violation = std::get_if<Violation>(&drawing))
        throw ConstraintViolation("cannot import a drawing", std::move(*violation));
      if (transaction.drawing(std::get<Drawing>(drawing).id)) {
        ++in.result.drawings_kept;
      } else {
        transaction.insert_drawing(std::get<Drawing>(drawing));
        ++in.result.drawings;
      }
    });
  }
  if (in.components) {
    in.each_row(*in.components, rejects, [&](const ComponentColumns& columns) {
      switch (transaction.upsert(columns, in.options.on_conflict).outcome) {
        case Upserted::Outcome::inserted:
          ++in.result.inserted;
          break;
        case Upserted::Outcome::updated:
          ++in.result.updated;
          break;
        case Upserted::Outcome::skipped:
          ++in.result.skipped;
          break;
      }
    });
  }
  rejects.finish();
  transaction.commit();
  return in.result;
}

}  // namespace piecemark::text
