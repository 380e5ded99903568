// Verbs that move text in and out: import, export, exec.
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "api/cli/long_task.h"
#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/exec.h"
#include "api/text/export.h"
#include "api/text/import.h"
#include "api/text/input.h"
#include "api/text/output_file.h"
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
    throw UsageError(
        "--input",
        "'" + path + "' has no extension that says what it is; give --input csv or --input ndjson");
  return text::ImportOptions::Source{path, *format};
}

// The name under which a stream of this process can be compared with files.
std::string name_of_stream(const std::string& path, const char* stream) {
  return path == "-" ? stream : path;
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
      throw UsageError(option,
                       "'" + output + "' is the same file as '" + path + "', which would be overwritten");
    }
  }
}

bool is_there(const std::string& path) {
  engine::os::FileFacts facts;
  return !engine::os::facts_of(path, facts);
}

std::string attempt_to_import(const ImportArguments& arguments) {
  return "cannot import into '" + arguments.file + "'";
}

text::ImportResult import_into_new(text::Importer& importer, const ImportArguments& arguments,
                                   std::optional<LongTask>& task) {
  task.emplace("importing", attempt_to_import(arguments));
  text::ImportResult result;
  OpenOptions options = to_write();
  options.write_older_format = true;
  Store::create(arguments.file,
                {.format = arguments.format.value_or(0),
                 .content = [&](WriteTxn& txn) { result = importer.run(txn, arguments.file); }},
                options);
  importer.finish();
  return result;
}

text::ImportResult import_into_present(text::Importer& importer, const ImportArguments& arguments,
                                       std::optional<LongTask>& task) {
  OpenOptions options = to_write();
  options.write_older_format = arguments.format.has_value();
  Store store = Store::open(arguments.file, options);
  const std::uint32_t found = store.info().format;
  if (arguments.format && *arguments.format != found) {
    throw Error(ErrorCode::no_such_format, {"cannot import into '" + arguments.file + "' with --format " +
                                                std::to_string(*arguments.format),
                                            "a file of format " + std::to_string(found),
                                            {},
                                            "leave --format out, or upgrade or downgrade the file first"});
  }
  WriteTxn transaction = store.write();
  task.emplace("importing", attempt_to_import(arguments));
  const text::ImportResult result = importer.run(transaction, store.path());
  transaction.commit();
  importer.finish();
  return result;
}

// Into the file that is there, or a new one, which gets its name with its rows. Where another program creates it first,
// into that one. The task begins once nobody is waited for.
text::ImportResult import_rows(text::Importer& importer, const ImportArguments& arguments,
                               std::optional<LongTask>& task) {
  importer.await_input();
  if (!is_there(arguments.file)) {
    try {
      return import_into_new(importer, arguments, task);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::file_exists || !is_there(arguments.file)) throw;
      task.reset();
    }
  }
  return import_into_present(importer, arguments, task);
}

int import(const ImportArguments& arguments) {
  if (arguments.drawings.empty() && arguments.components.empty()) {
    throw UsageError("--components or --drawings is required");
  }
  if (arguments.drawings == "-" && arguments.components == "-") {
    throw UsageError("--drawings", "standard input can be read only once");
  }
  if (!arguments.rejects.empty() && !arguments.skip_invalid)
    throw UsageError("--skip-invalid (for --rejects) is required");
  require_own_file(
      "--rejects", arguments.rejects, arguments.file,
      {name_of_stream(arguments.drawings, "/dev/stdin"), name_of_stream(arguments.components, "/dev/stdin")});
  std::optional<LongTask> task;
  text::Importer importer({
      .drawings = source_of(arguments.drawings, arguments.input),
      .components = source_of(arguments.components, arguments.input),
      .on_conflict = arguments.on_conflict,
      .skip_invalid = arguments.skip_invalid,
      .rejects_path = arguments.rejects,
      .on_progress =
          [&](std::uint64_t rows, std::uint64_t done, std::uint64_t total) {
            if (task) task->update(rows, done, total);
          },
  });
  const text::ImportResult result = import_rows(importer, arguments, task);
  task->finish();
  // Rejects on standard output are for programs.
  const auto say = [&](const std::string& line) {
    arguments.rejects == "-" ? print_error(line) : print_line(line);
  };
  say("imported " + std::to_string(result.inserted) + " components and " + std::to_string(result.drawings) +
      " drawings");
  if (result.updated > 0) say("updated  " + std::to_string(result.updated) + " components that were there");
  if (result.skipped > 0)
    say("skipped  " + std::to_string(result.skipped) +
        (arguments.on_conflict == OnConflict::newer ? " components that were there, and are as new or newer"
                                                    : " components whose id or key was taken"));
  if (result.drawings_renamed > 0)
    say("renamed  " + std::to_string(result.drawings_renamed) + " drawings that were there");
  if (result.drawings_kept > 0)
    say("kept     " + std::to_string(result.drawings_kept) + " drawings that were there");
  if (result.invalid == 0) return exit_done;
  const std::string where = arguments.rejects == "-" ? "standard output" : "'" + arguments.rejects + "'";
  say("refused  " + std::to_string(result.invalid) + " invalid rows" +
      (arguments.rejects.empty() ? "" : ", written to " + where));
  return exit_refused;
}

TextFormat output_format(const ExportArguments& arguments, const std::string& path) {
  if (arguments.output) return *arguments.output;
  return text::text_format_of(path).value_or(TextFormat::ndjson);
}

// What is printed already comes first.
void open_output(std::optional<text::OutputFile>& output, const std::string& path, const std::string& store) {
  flush_output();
  output.emplace(path, path == "-" ? "cannot write to standard output" : "cannot write '" + path + "'",
                 std::vector<std::string>{store});
}

void export_text(const ExportArguments& arguments) {
  if (arguments.drawings == "-" && arguments.components == "-") {
    throw UsageError("--drawings", "standard output takes one table only");
  }
  require_own_file("--drawings", arguments.drawings, arguments.file, {});
  require_own_file("--components", name_of_stream(arguments.components, "/dev/stdout"), arguments.file,
                   {name_of_stream(arguments.drawings, "/dev/stdout")});
  const Store store = Store::open(arguments.file, to_read());
  const ReadTxn snapshot = store.read();
  LongTask task("exporting", "cannot export '" + arguments.file + "'");
  const bool has_components = !arguments.components.empty() || arguments.drawings.empty();
  const std::string components = arguments.components.empty() ? "-" : arguments.components;
  // Neither file changes before both texts are complete.
  std::optional<text::OutputFile> drawings_file;
  std::optional<text::OutputFile> components_file;
  if (!arguments.drawings.empty()) open_output(drawings_file, arguments.drawings, arguments.file);
  if (has_components) open_output(components_file, components, arguments.file);
  const auto sink_to = [&](text::OutputFile& output) {
    return [&](std::string_view piece) {
      task.require_go_on();
      output.write(piece);
    };
  };
  if (drawings_file) {
    text::export_drawings(snapshot, output_format(arguments, arguments.drawings), sink_to(*drawings_file));
    drawings_file->complete();
  }
  if (components_file) {
    const std::uint64_t total = snapshot.component_count();
    text::export_components(snapshot, output_format(arguments, components), sink_to(*components_file),
                            [&](std::uint64_t rows) { task.update(rows, rows, total); });
    components_file->complete();
  }
  task.require_go_on();
  if (drawings_file) drawings_file->finish();
  if (components_file) components_file->finish();
}

struct ExecArguments {
  std::string file;
  bool read_only = false;
};

// Who may not write to the file can still ask: `why` says what keeps changes out.
Store open_for_exec(const ExecArguments& arguments, std::optional<Error>& why) {
  if (!arguments.read_only) {
    try {
      return Store::open(arguments.file, to_write());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::permission_denied) throw;
      why = error;
    }
  }
  return Store::open(arguments.file, to_read());
}

int exec(const ExecArguments& arguments) {
  std::optional<Error> why_read_only;
  Store store = open_for_exec(arguments, why_read_only);
  text::LineReader lines("-");
  text::ExecSession session(
      store, [&] { return open_for_exec(arguments, why_read_only); }, why_read_only);
  for (;;) {
    // Answers are handed over before waiting for more, so that a program may ask and listen in turns.
    if (!lines.has_buffered_line()) flush_output();
    std::string_view line;
    const auto result = lines.next(line);
    if (result == text::LineReader::Result::end) break;
    if (result == text::LineReader::Result::too_long) {
      print_json(session.answer_to_long_line());
    } else if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      print_json(session.answer(line));
    }
  }
  if (!session.is_in_transaction())
    return session.refused() > 0 && session.refused() == session.answered() ? exit_refused : exit_done;
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

void add_text_verbs(Verb& program, int& status) {
  const auto importing = std::make_shared<ImportArguments>();
  Verb verb = program.verb(
      "import", "Bring CSV or NDJSON into a store, all or nothing; creates the store when it is missing");
  verb.option("FILE", importing->file, "The store").required();
  verb.option("--drawings", importing->drawings, "File of drawings; - is standard input");
  verb.option("--components", importing->components, "File of components; - is standard input");
  verb.option("--format", importing->format, "Format of the store; an older one is written as old apps did");
  verb.choice("--on-conflict", importing->on_conflict, kOnConflict,
              "For an id or key that is taken (default: fail)");
  verb.choice("--input", importing->input, kTextFormats, "What the files are (default: by extension)");
  verb.flag("--skip-invalid", importing->skip_invalid, "Store the valid rows and leave the others out");
  verb.option("--rejects", importing->rejects, "File for the rows left out, with the reasons");
  verb.run([importing, &status] { status = import(*importing); });

  const auto exporting = std::make_shared<ExportArguments>();
  verb = program.verb("export",
                      "Write a store as CSV or NDJSON; without options the components go to standard output");
  verb.option("FILE", exporting->file, "The store").required();
  verb.option("--drawings", exporting->drawings, "File for the drawings; - is standard output");
  verb.option("--components", exporting->components, "File for the components; - is standard output");
  verb.choice("--output", exporting->output, kTextFormats,
              "What to write (default: by extension, else ndjson)");
  verb.run([exporting] { export_text(*exporting); });

  const auto executing = std::make_shared<ExecArguments>();
  verb = program.verb("exec",
                      "Execute operations from standard input, one JSON object a line, one answer a line");
  verb.option("FILE", executing->file, "The store").required();
  verb.flag("--read-only", executing->read_only, "Refuse operations that change anything");
  verb.run([executing, &status] { status = exec(*executing); });
}

}  // namespace piecemark::cli
