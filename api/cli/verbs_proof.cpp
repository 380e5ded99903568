// Verbs that show that nothing was lost: history, fingerprint, verify.
#include <memory>
#include <optional>

#include "api/cli/long_task.h"
#include "api/cli/opening.h"
#include "api/cli/receipt_text.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct ContentArguments {
  std::string file;
  std::optional<std::uint32_t> as_format;
  std::vector<std::string> without;
  bool as_json = false;
  bool is_deep = false;
};

void append_fingerprint(std::string& to, const Fingerprint& fingerprint) {
  text::JsonObject(to).add("rows", fingerprint.rows).add("fingerprint", fingerprint.to_string());
}

void append_holdings(std::string& to, const Holdings& holdings) {
  text::JsonObject object(to);
  object.add("rows_in_table", holdings.rows_in_table).add("rows_in_stash", holdings.rows_in_stash);
  append_fingerprint(object.begin("drawings"), holdings.drawings);
  append_fingerprint(object.begin("components"), holdings.components);
  append_fingerprint(object.begin("extras"), holdings.extras);
}

std::string receipt_as_json(const Receipt& receipt) {
  std::string line;
  {
    text::JsonObject object(line);
    object.add("number", std::uint64_t{receipt.number})
        .add("from", std::uint64_t{receipt.from})
        .add("to", std::uint64_t{receipt.to});
    text::append_json(object.begin("steps"), receipt.steps);
    append_holdings(object.begin("before"), receipt.before);
    append_holdings(object.begin("after"), receipt.after);
    object.add("stashed_rows", receipt.stashed_rows).add("stashed_identifiers", receipt.stashed_identifiers);
    object.add("returned_rows", receipt.returned_rows)
        .add("returned_identifiers", receipt.returned_identifiers);
    object.add("left_over", receipt.left_over).add("library_version", receipt.library_version);
    object.add("started_at", receipt.started_at.to_string());
    object.add("duration_us", static_cast<std::uint64_t>(receipt.duration_us));
  }
  return line;
}

void history_of(const ContentArguments& arguments) {
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  for (const Receipt& receipt : history(snapshot)) {
    if (arguments.as_json) {
      print_json(receipt_as_json(receipt));
    } else {
      print(receipt.started_at.to_string() + "  piecemark " + receipt.library_version + "  ");
      print_receipt(receipt);
    }
  }
}

void print_fingerprint(const ContentArguments& arguments) {
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  ColumnSet columns = columns_of_format(arguments.as_format.value_or(snapshot.format()));
  for (const std::string& name : arguments.without) {
    const auto column = column_named(name);
    if (!column) throw UsageError("--without", "components has no column '" + name + "'");
    columns.remove(*column);
  }
  const ContentFingerprint content = fingerprint(snapshot, columns);
  if (arguments.as_json) {
    std::string line;
    {
      text::JsonObject object(line);
      append_fingerprint(object.begin("components"), content.components);
      append_fingerprint(object.begin("drawings"), content.drawings);
    }
    print_json(line);
    return;
  }
  print_line("components  " + content.components.to_string() + "  " +
             std::to_string(content.components.rows) + " rows");
  print_line("drawings    " + content.drawings.to_string() + "  " + std::to_string(content.drawings.rows) +
             " rows");
}

int verify_file(const ContentArguments& arguments) {
  const Store store = Store::open(arguments.file, to_read());
  if (arguments.is_deep) {
    verify_pages(store);
    print_line("pages       sound: trees, overflow pages and free list");
  }
  LongTask task("verifying", {});
  const Verification result = verify(store.read(), task.on_progress());
  task.finish();
  for (const std::string& problem : result.problems) print_line("problem     " + problem);
  if (result.problem_count > result.problems.size()) {
    print_line("            and " + std::to_string(result.problem_count - result.problems.size()) + " more");
  }
  for (const std::string& note : result.notes) print_line("note        " + note);
  print_line("checked     " + std::to_string(result.components) + " components, " +
             std::to_string(result.drawings) + " drawings, " + std::to_string(result.stash_entries) +
             " stash entries, " + std::to_string(result.receipts) + " receipts");
  if (result.is_clean()) {
    print_line("clean       checksums, index entries, constraints and counters hold");
    if (result.is_as_migrated) {
      print_line(
          "            nothing was written since the last migration; the fingerprint is that of its receipt");
    }
    return exit_done;
  }
  print_error(
      "'" + arguments.file + "' failed verification: corrupt_record\n  found      " +
      std::to_string(result.problem_count) +
      " problems\n  next       stop writing to this file; go back to a backup, or run 'piecemark salvage'");
  return exit_refused;
}

}  // namespace

void add_proof_verbs(Verb& program, int& status) {
  const auto content = std::make_shared<ContentArguments>();
  const auto add = [&](const char* name, const char* description) {
    Verb added = program.verb(name, description);
    added.option("FILE", content->file, "The store").required();
    return added;
  };
  Verb verb = add("history", "Print the receipts of past migrations");
  verb.flag("--json", content->as_json, "Print NDJSON");
  verb.run([content] { history_of(*content); });

  verb = add("fingerprint", "Print the fingerprint of the content, which does not depend on format or order");
  verb.option("--as", content->as_format, "Over the columns of this format (default: the file's)");
  verb.option("--without", content->without, "Columns to leave out")

      .shown_as("COLUMN,...");
  verb.flag("--json", content->as_json, "Print JSON");
  verb.run([content] { print_fingerprint(*content); });

  verb = add("verify", "Check every checksum, index entry, constraint and counter");
  verb.flag("--deep", content->is_deep, "Walk the pages of the file too, also while others have it open");
  verb.run([content, &status] { status = verify_file(*content); });
}

}  // namespace piecemark::cli
