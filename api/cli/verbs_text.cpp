// Verbs that move text in and out: import, export, exec.
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "api/cli/choice.h"
#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/exec.h"
#include "api/text/export.h"
#include "api/text/import.h"
#include "api/text/input.h"
#include "api/text/text_file.h"
#include "engine/file_name.h"
#include "engine/file_owner.h"
#include "engine/lock_file.h"
#include "engine/os.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

using text::TextFormat;

struct ImportArguments {
  std::string file;
  std::string drawings;
  std::string components;
  std::optional<std::uint32_t> format;
  OnConflict on_conflict = OnConflict::fail;
  std::optional<TextFormat> input;
  bool skip_invalid = false;
  std::string rejects;
};

struct ExportArguments {
  std::string file;
  std::string drawings;
  std::string components;
  std::optional<TextFormat> output;
};

std::optional<text::ImportOptions::Source> source_of(const std::string& path,
                                                     std::optional<TextFormat> given) {
  if (path.empty()) return std::nullopt;
  const auto format = given ? given : text::text_format_of(path);
  if (!format)
    throw CLI::ValidationError(
        "--input",
        "'" + path + "' has no extension that says what it is; give --input csv or --input ndjson");
  return text::ImportOptions::Source{path, *format};
}

bool is_same_file(const std::string& a, const std::string& b) {
  engine::os::FileFacts facts_a;
  engine::os::FileFacts facts_b;
  if (engine::os::facts_of(a, facts_a) || engine::os::facts_of(b, facts_b)) {
    std::error_code failure;  // of a name that no folder takes: whoever opens it says so
    const auto canonical_a = std::filesystem::weakly_canonical(a, failure);
    return !failure && canonical_a == std::filesystem::weakly_canonical(b, failure) && !failure;
  }
  return facts_a.id == facts_b.id;
}

// An output that is also the store, its lock file, an input or another output would destroy what it holds.
void require_own_file(const char* option, const std::string& output, const std::string& store,
                      const std::vector<std::string>& others) {
  if (output.empty() || output == "-") return;
  std::vector<std::string> taken{store, engine::lock_file_of(store)};
  taken.insert(taken.end(), others.begin(), others.end());
  for (const std::string& path : taken) {
    if (!path.empty() && is_same_file(output, path)) {
      throw CLI::ValidationError(
          option, "'" + output + "' is the same file as '" + path + "', which would be overwritten");
    }
  }
}

bool is_there(const std::string& path) {
  engine::os::FileFacts facts;
  return !engine::os::facts_of(path, facts);
}

// The store to import into: the file that is there, or a new one. Where another program creates it first, that one.
Store open_or_create(const ImportArguments& arguments) {
  OpenOptions options = to_write();
  options.write_older_format = arguments.format.has_value();
  if (!is_there(arguments.file)) {
    try {
      return Store::create(arguments.file, {.format = arguments.format.value_or(0)}, options);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::file_exists || !is_there(arguments.file)) throw;
    }
  }
  Store store = Store::open(arguments.file, options);
  const std::uint32_t found = store.info().format;
  if (arguments.format && *arguments.format != found) {
    throw Error(ErrorCode::no_such_format, {"cannot import into '" + arguments.file + "' with --format " +
                                                std::to_string(*arguments.format),
                                            "a file of format " + std::to_string(found),
                                            {},
                                            "leave --format out, or upgrade or downgrade the file first"});
  }
  return store;
}

void import(const ImportArguments& arguments) {
  if (arguments.drawings.empty() && arguments.components.empty()) {
    throw CLI::RequiredError("--components or --drawings");
  }
  if (arguments.drawings == "-" && arguments.components == "-") {
    throw CLI::ValidationError("--drawings", "standard input can be read only once");
  }
  if (!arguments.rejects.empty() && !arguments.skip_invalid)
    throw CLI::RequiredError("--skip-invalid (for --rejects)");
  require_own_file("--rejects", arguments.rejects, arguments.file,
                   {arguments.drawings, arguments.components});
  ProgressLine progress("importing");
  text::Importer importer({
      .drawings = source_of(arguments.drawings, arguments.input),
      .components = source_of(arguments.components, arguments.input),
      .on_conflict = arguments.on_conflict,
      .skip_invalid = arguments.skip_invalid,
      .rejects_path = arguments.rejects,
      .on_progress = [&](std::uint64_t rows, std::uint64_t done,
                         std::uint64_t total) { progress.update(rows, done, total); },
  });
  Store store = open_or_create(arguments);
  const text::ImportResult result = importer.run(store);
  progress.clear();
  print_line("imported " + std::to_string(result.inserted) + " components and " +
             std::to_string(result.drawings) + " drawings");
  if (result.updated > 0)
    print_line("updated  " + std::to_string(result.updated) + " components that were there");
  if (result.skipped > 0)
    print_line("skipped  " + std::to_string(result.skipped) +
               (arguments.on_conflict == OnConflict::newer
                    ? " components that were there, and are as new or newer"
                    : " components whose id or key was taken"));
  if (result.drawings_renamed > 0)
    print_line("renamed  " + std::to_string(result.drawings_renamed) + " drawings that were there");
  if (result.drawings_kept > 0)
    print_line("kept     " + std::to_string(result.drawings_kept) + " drawings that were there");
  if (result.invalid > 0) {
    print_line("refused  " + std::to_string(result.invalid) + " invalid rows" +
               (arguments.rejects.empty() ? "" : ", written to '" + arguments.rejects + "'"));
  }
}

// Where exported text goes. A file gets its name when it is complete. A new one is no more open than the store; one that
// takes the place of another is as open as that.
class Output {
 public:
  Output(std::string path, const std::string& store) : path_(std::move(path)) {
    if (path_ == "-") return;
    path_ = engine::os::resolved(path_);  // A symbolic link stays one.
    partial_ = engine::with_suffix(path_, partial_);
    engine::os::FileFacts facts;
    is_direct_ = !engine::os::facts_of(path_, facts) && !facts.is_regular;  // A device or a pipe.
    if (!is_direct_) create_partial(store);
    file_.open(is_direct_ ? path_ : partial(), std::ios::binary | std::ios::trunc);
    check();
  }
  ~Output() {
    if (file_.is_open() && !is_direct_) engine::os::remove_quietly(partial());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view piece) {
    if (path_ == "-") {
      print(piece);
      return;
    }
    file_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    check();
  }

  void finish() {
    if (path_ == "-") return;
    file_.flush();
    check();
    file_.close();
    check();
    if (!is_direct_ && engine::os::rename_replacing(partial(), path_)) file_.setstate(std::ios::failbit);
    check();
  }

 private:
  const std::string& partial() const { return partial_; }
  // Whoever fails here cannot open it either.
  void create_partial(const std::string& store) const {
    constexpr std::uint32_t kOwnerOnly = 0600;
    engine::os::File present;
    engine::os::File file;
    engine::FileOwner owner;
    if (engine::os::open_file(path_, engine::os::Access::read, present) || engine::owner_of(present, owner)) {
      text::create_text_file(partial(), {store});
    } else if (!engine::os::create_exclusively(partial(), kOwnerOnly, file)) {
      static_cast<void>(engine::give_to(owner, file));
    }
  }
  void check() const {
    if (file_) return;
    throw Error(ErrorCode::io_error, {"cannot write '" + path_ + "'",
                                      "a file that takes no data, " +
                                          in_bytes(engine::os::free_bytes(path_)) + " are free on the disk",
                                      {},
                                      "check the folder, its permissions and the free space"});
  }

  std::string path_;
  std::string partial_ =
      ".part-" + Uuid::generate().to_string();  // behind the path; nobody else has this name
  bool is_direct_ = false;
  std::ofstream file_;
};

TextFormat output_format(const ExportArguments& arguments, const std::string& path) {
  if (arguments.output) return *arguments.output;
  return text::text_format_of(path).value_or(TextFormat::ndjson);
}

void export_text(const ExportArguments& arguments) {
  if (arguments.drawings == "-" && arguments.components == "-") {
    throw CLI::ValidationError("--drawings", "standard output takes one table only");
  }
  require_own_file("--drawings", arguments.drawings, arguments.file, {});
  require_own_file("--components", arguments.components, arguments.file, {arguments.drawings});
  const Store store = Store::open(arguments.file, to_read());
  const ReadTxn snapshot = store.read();
  if (!arguments.drawings.empty()) {
    Output output(arguments.drawings, arguments.file);
    text::export_drawings(snapshot, output_format(arguments, arguments.drawings),
                          [&](std::string_view piece) { output.write(piece); });
    output.finish();
  }
  if (arguments.components.empty() && !arguments.drawings.empty()) return;
  const std::string path = arguments.components.empty() ? "-" : arguments.components;
  Output output(path, arguments.file);
  ProgressLine progress("exporting");
  const std::uint64_t total = snapshot.component_count();
  text::export_components(
      snapshot, output_format(arguments, path), [&](std::string_view piece) { output.write(piece); },
      [&](std::uint64_t rows) { progress.update(rows, rows, total); });
  output.finish();
}

int exec(const std::string& file) {
  Store store = Store::open(file, to_write());
  store.write().rollback();  // Says at once what would keep every operation from writing.
  text::LineReader lines("-");
  text::ExecSession session(store, [&] { return Store::open(file, to_write()); });
  for (;;) {
    // Answers are handed over before waiting for more, so that a program may ask and listen in turns.
    if (!lines.has_buffered_line()) flush_output();
    std::string_view line;
    const auto result = lines.next(line);
    if (result == text::LineReader::Result::end) break;
    if (result == text::LineReader::Result::too_long) {
      print_line(text::ExecSession::answer_to_long_line());
    } else if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      print_line(session.answer(line));
    }
  }
  if (!session.is_in_transaction()) return exit_done;
  session.rollback();
  print_error(
      "the input ended within a transaction, which was rolled back\n  next       end it with "
      "{\"op\":\"commit\"}");
  return exit_refused;
}

const std::map<std::string, TextFormat> kTextFormats{{"csv", TextFormat::csv},
                                                     {"ndjson", TextFormat::ndjson}};
const std::map<std::string, OnConflict> kOnConflict{{"fail", OnConflict::fail},
                                                    {"skip", OnConflict::skip},
                                                    {"update", OnConflict::update},
                                                    {"newer", OnConflict::newer}};

}  // namespace

void add_text_verbs(CLI::App& program, int& status) {
  const auto importing = std::make_shared<ImportArguments>();
  CLI::App* verb = program.add_subcommand(
      "import", "Bring CSV or NDJSON into a store, all or nothing; creates the store when it is missing");
  verb->add_option("FILE", importing->file, "The store")->required();
  verb->add_option("--drawings", importing->drawings, "File of drawings; - is standard input");
  verb->add_option("--components", importing->components, "File of components; - is standard input");
  verb->add_option("--format", importing->format,
                   "Format of the store; an older one is written as old apps did");
  add_choice(verb, "--on-conflict", importing->on_conflict, kOnConflict,
             "For an id or key that is taken (default: fail)");
  add_choice(verb, "--input", importing->input, kTextFormats, "What the files are (default: by extension)");
  verb->add_flag("--skip-invalid", importing->skip_invalid, "Store the valid rows and leave the others out");
  verb->add_option("--rejects", importing->rejects, "File for the rows left out, with the reasons");
  verb->callback([importing] { import(*importing); });

  const auto exporting = std::make_shared<ExportArguments>();
  verb = program.add_subcommand(
      "export", "Write a store as CSV or NDJSON; without options the components go to standard output");
  verb->add_option("FILE", exporting->file, "The store")->required();
  verb->add_option("--drawings", exporting->drawings, "File for the drawings; - is standard output");
  verb->add_option("--components", exporting->components, "File for the components; - is standard output");
  add_choice(verb, "--output", exporting->output, kTextFormats,
             "What to write (default: by extension, else ndjson)");
  verb->callback([exporting] { export_text(*exporting); });

  const auto file = std::make_shared<std::string>();
  verb = program.add_subcommand(
      "exec", "Execute operations from standard input, one JSON object a line, one answer a line");
  verb->add_option("FILE", *file, "The store")->required();
  verb->callback([file, &status] { status = exec(*file); });
}

}  // namespace piecemark::cli
