#include "api/text/import.h"

#include <memory>
#include <utility>
#include <vector>

#include "api/text/json_writer.h"
#include "api/text/output_file.h"
#include "api/text/row_binding.h"
#include "api/text/row_source.h"
#include "api/text/rows_ahead.h"

namespace piecemark::text {
// The file of rejects: {"line":2,"code":"...","column":"...","message":"...","row":{...}} for each invalid
// row.
class RejectsFile {
 public:
  // `sources`: the files that rejected rows come from or were to go to
  RejectsFile(const std::string& path, const std::vector<std::string>& sources) {
    if (!path.empty()) file_.emplace(path, "cannot write rejects to '" + path + "'", sources);
  }

  template <class Columns>
  void add(const RowSource<Columns>& source, const IncomingText<Columns>& row) {
    if (!file_) return;
    const Violation& violation = *row.problem;
    std::string text;
    {
      JsonObject object(text);
      object.add("line", row.line).add("code", name_of(violation.code));
      object.add_text_or_null("constraint", violation.constraint)
          .add_text_or_null("column", violation.column);
      object.add("message", violation.message);
      source.append_raw(row, object.begin("row"));
    }
    text += '\n';
    file_->write(text);
  }

  void complete() {
    if (file_) file_->complete();
  }
  void finish() {
    if (file_) file_->finish();
  }

 private:
  std::optional<OutputFile> file_;
};

namespace {

constexpr std::uint64_t kRowsReadBetweenReports = 4096;

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

struct Importer::State {
  ImportOptions options;
  std::unique_ptr<RowSource<DrawingColumns>> drawings;
  std::unique_ptr<RowSource<ComponentColumns>> components;
  std::optional<RejectsFile> rejects_file;
  ImportResult result;
  std::uint64_t bytes_done = 0;
  bool is_awaited = false;
  bool has_run = false;

  std::uint64_t bytes_total() const {
    const std::uint64_t of_drawings = drawings ? drawings->bytes_total() : 0;
    return of_drawings + (components ? components->bytes_total() : 0);
  }

  // A drawing that is there keeps its name, unless rows that are there are to be updated.
  void take(WriteTxn& transaction, const Drawing& drawing, bool has_name) {
    const auto present = transaction.drawing(drawing.id);
    const bool updates =
        options.on_conflict == OnConflict::update || options.on_conflict == OnConflict::newer;
    if (!present) {
      transaction.insert_drawing(drawing);
      ++result.drawings;
    } else if (updates && has_name && drawing.name != present->name) {
      transaction.update_drawing(drawing.id, {.name = drawing.name});
      ++result.drawings_renamed;
    } else {
      ++result.drawings_kept;
    }
  }

  // A row that nobody could store is told when it comes.
  template <class Columns>
  void await(RowSource<Columns>& source) {
    source.keep();
    if (!source.may_wait()) return;
    IncomingText<Columns> row;
    for (std::uint64_t rows = 0; source.next(row); ++rows) {
      if (row.problem) refuse_unless_skipped(source, row);
      if (options.on_progress && rows % kRowsReadBetweenReports == 0)
        options.on_progress(rows, bytes_done + row.bytes_read, 0);
    }
    source.replay();
  }

  template <class Columns>
  void refuse_unless_skipped(const RowSource<Columns>& source, IncomingText<Columns>& row) const {
    if (!options.skip_invalid || row.is_last) refuse_row(source.path(), row.line, std::move(*row.problem));
  }

  // Gives every row of the source to `store`, which throws what the store has against it.
  template <class Columns, class Insert>
  void each_row(RowSource<Columns>& source, RejectsFile& refused, const Insert& insert) {
    RowsAhead<Columns> ahead(source);
    const std::uint64_t bytes_before = bytes_done;
    std::uint64_t rows = 0;
    for (; IncomingText<Columns>* row = ahead.next(); ++rows) {
      bytes_done = bytes_before + row->bytes_read;
      if (!row->problem) row->problem = attempt([&] { insert(row->columns); });
      if (row->problem) {
        refuse_unless_skipped(source, *row);
        ++result.invalid;
        refused.add(source, *row);
      }
      if (options.on_progress && rows % kRowsReadBetweenReports == 0)
        options.on_progress(rows, bytes_done, bytes_total());
    }
    if (options.on_progress) options.on_progress(rows, bytes_done, bytes_total());
  }
};

Importer::Importer(ImportOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  const ImportOptions& given = state_->options;
  const bool keep_raw = !given.rejects_path.empty();
  if (given.drawings) state_->drawings = RowSource<DrawingColumns>::open(*given.drawings, keep_raw);
  if (given.components) state_->components = RowSource<ComponentColumns>::open(*given.components, keep_raw);
}

Importer::~Importer() = default;

void Importer::await_input() {
  State& in = *state_;
  if (std::exchange(in.is_awaited, true)) return;
  if (in.drawings) in.await(*in.drawings);
  if (in.components) in.await(*in.components);
}

ImportResult Importer::run(Store& store) {
  await_input();
  WriteTxn transaction = store.write();
  const ImportResult result = run(transaction, store.path());
  transaction.commit();
  finish();
  return result;
}

void Importer::finish() {
  if (state_->rejects_file) state_->rejects_file->finish();
}

ImportResult Importer::run(WriteTxn& transaction, const std::string& store) {
  await_input();
  State& in = *state_;
  if (std::exchange(in.has_run, true)) {
    in.result = {};
    in.bytes_done = 0;
    if (in.drawings) in.drawings->replay();
    if (in.components) in.components->replay();
  }
  std::vector<std::string> sources{store};
  for (const auto& source : {in.options.drawings, in.options.components}) {
    if (source) sources.push_back(source->path);
  }
  RejectsFile& rejects = in.rejects_file.emplace(in.options.rejects_path, sources);
  if (in.drawings) {
    in.each_row(*in.drawings, rejects, [&](const DrawingColumns& columns) {
      auto drawing = to_drawing(columns);
      if (auto* violation = std::get_if<Violation>(&drawing))
        throw ConstraintViolation("cannot import a drawing", std::move(*violation));
      in.take(transaction, std::get<Drawing>(drawing), columns.name.is_given());
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
  rejects.complete();
  return in.result;
}

}  // namespace piecemark::text
