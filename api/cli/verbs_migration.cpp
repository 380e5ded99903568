// Verbs about formats and content: upgrade, downgrade, history, fingerprint, verify.
#include <charconv>
#include <memory>
#include <optional>

#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct MigrationArguments {
  std::string file;
  std::string to = "head";
  OnLoss on_loss = OnLoss::refuse;
};

struct ContentArguments {
  std::string file;
  std::optional<std::uint32_t> as_format;
  std::vector<std::string> without;
  bool as_json = false;
};

// A number, head, base, a step's name, or +n and -n from the format at hand.
std::uint32_t target_format(const std::string& text, std::uint32_t current) {
  const auto formats = known_formats();
  if (text == "head") return formats.back().number;
  if (text == "base") return formats.front().number;
  for (const FormatInfo& format : formats) {
    if (!format.step.empty() && format.step == text) return format.number;
  }
  const bool is_relative = text.starts_with('+') || text.starts_with('-');
  const std::string_view digits = std::string_view(text).substr(is_relative ? 1 : 0);
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    throw CLI::ValidationError(
        "--to",
        "'" + text + "' is no format; take a number, a name from 'piecemark formats', head, base, +1 or -1");
  }
  if (!is_relative) return number;
  if (text.front() == '+') return current + number;
  return number < current ? current - number : 0;
}

std::string describe(const SetAside& entry) {
  std::string line;
  {
    text::JsonObject object(line);
    object.add("what", entry.what == SetAside::What::row ? "row" : "identifier");
    object.add("reason", entry.reason);
    object.add("id", entry.component.id.to_string());
    if (entry.component.drawing_id) {
      object.add("drawing_id", entry.component.drawing_id->to_string());
    } else {
      object.add_null("drawing_id");
    }
    object.add("piece_mark", entry.component.piece_mark);
    if (entry.component.instance_identifier) {
      object.add("instance_identifier", *entry.component.instance_identifier);
    } else {
      object.add_null("instance_identifier");
    }
  }
  return line;
}

void print_receipt(const Receipt& receipt) {
  std::string steps;
  for (const std::string& step : receipt.steps) steps += (steps.empty() ? "" : ", ") + step;
  print_line("format " + std::to_string(receipt.from) + " -> " + std::to_string(receipt.to) + " (" + steps +
             ")");
  print_line("  rows         " + std::to_string(receipt.before.rows_in_table) + " before, " +
             std::to_string(receipt.after.rows_in_table) + " after");
  if (receipt.to < receipt.from) {
    print_line("  stashed      " + std::to_string(receipt.stashed_rows) + " rows, " +
               std::to_string(receipt.stashed_identifiers) + " instance identifiers");
  } else {
    print_line("  returned     " + std::to_string(receipt.returned_rows) + " rows, " +
               std::to_string(receipt.returned_identifiers) + " instance identifiers");
    if (receipt.left_over > 0)
      print_line("  left over    " + std::to_string(receipt.left_over) +
                 " entries of the stash could not return and are kept there");
  }
  print_line("  fingerprint  " + receipt.after.components.to_string() + ", table and stash, as before");
  print_line("  receipt      " + std::to_string(receipt.number) + ", " +
             std::to_string(receipt.duration_us / 1000) + " ms");
}

void migrate_to(const MigrationArguments& arguments, bool is_upgrade) {
  Store store = Store::open(arguments.file);
  const std::uint32_t current = store.info().format;
  const std::uint32_t target = target_format(arguments.to, current);
  const bool is_known = current <= known_formats().back().number;  // Otherwise migrate() says what to do.
  if (is_known && (is_upgrade ? target < current : target > current)) {
    throw CLI::ValidationError("--to", "format " + std::to_string(target) +
                                           (is_upgrade ? " is older than" : " is newer than") +
                                           " the file's format " + std::to_string(current) + "; use " +
                                           (is_upgrade ? "downgrade" : "upgrade"));
  }
  // What a downgrade would set aside is its answer, and goes to standard output line by line.
  const bool lists_refused = !is_upgrade && arguments.on_loss == OnLoss::refuse;
  const auto receipt =
      migrate(store, target, {.on_loss = arguments.on_loss, .on_set_aside = [&](const SetAside& entry) {
                                if (lists_refused || is_upgrade) print_line(describe(entry));
                              }});
  if (receipt) {
    print_receipt(*receipt);
  } else {
    print_line("'" + arguments.file + "' has format " + std::to_string(target) + " already");
  }
}

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
    std::string& steps = object.begin("steps");
    steps += '[';
    for (const std::string& step : receipt.steps) {
      if (!steps.ends_with('[')) steps += ',';
      text::append_json_string(steps, step);
    }
    steps += ']';
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
  const ReadTxn snapshot = Store::open(arguments.file, {.read_only = true}).read();
  for (const Receipt& receipt : history(snapshot)) {
    if (arguments.as_json) {
      print_line(receipt_as_json(receipt));
    } else {
      print(receipt.started_at.to_string() + "  piecemark " + receipt.library_version + "  ");
      print_receipt(receipt);
    }
  }
}

void print_fingerprint(const ContentArguments& arguments) {
  const ReadTxn snapshot = Store::open(arguments.file, {.read_only = true}).read();
  ColumnSet columns = columns_of_format(arguments.as_format.value_or(snapshot.format()));
  for (const std::string& name : arguments.without) {
    const auto column = column_named(name);
    if (!column) throw CLI::ValidationError("--without", "components has no column '" + name + "'");
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
    print_line(line);
    return;
  }
  print_line("components  " + content.components.to_string() + "  " +
             std::to_string(content.components.rows) + " rows");
  print_line("drawings    " + content.drawings.to_string() + "  " + std::to_string(content.drawings.rows) +
             " rows");
}

int verify_file(const ContentArguments& arguments) {
  const ReadTxn snapshot = Store::open(arguments.file, {.read_only = true}).read();
  const Verification result = verify(snapshot);
  for (const std::string& problem : result.problems) print_line("problem     " + problem);
  if (result.problem_count > result.problems.size()) {
    print_line("            and " + std::to_string(result.problem_count - result.problems.size()) + " more");
  }
  print_line("checked     " + std::to_string(result.components) + " components, " +
             std::to_string(result.drawings) + " drawings, " + std::to_string(result.stash_entries) +
             " stash entries, " + std::to_string(result.receipts) + " receipts");
  if (result.is_clean()) {
    print_line("clean       checksums, index entries, constraints and counters hold");
    return exit_done;
  }
  print_error("'" + arguments.file + "' failed verification: corrupt_record\n  found      " +
              std::to_string(result.problem_count) +
              " problems\n  next       stop writing to this file and go back to a backup");
  return exit_refused;
}

const std::map<std::string, OnLoss> kOnLoss{{"refuse", OnLoss::refuse}, {"stash", OnLoss::stash}};

}  // namespace

void add_migration_verbs(CLI::App& program, int& status) {
  const auto upgrading = std::make_shared<MigrationArguments>();
  CLI::App* verb = program.add_subcommand(
      "upgrade", "Take a store to a newer format, with all that a downgrade had set aside");
  verb->add_option("FILE", upgrading->file, "The store")->required();
  verb->add_option("--to", upgrading->to, "Format to reach (default: head)")->option_text("N|NAME|head|+1");
  verb->callback([upgrading] { migrate_to(*upgrading, true); });

  const auto downgrading = std::make_shared<MigrationArguments>();
  verb = program.add_subcommand(
      "downgrade", "Take a store to an older format; what that cannot hold is listed, or set aside");
  verb->add_option("FILE", downgrading->file, "The store")->required();
  verb->add_option("--to", downgrading->to, "Format to reach")->required()->option_text("N|NAME|base|-1");
  verb->add_option("--on-conflict", downgrading->on_loss,
                   "For what the older format cannot hold: refuse (default) or stash")
      ->transform(CLI::Transformer(kOnLoss))
      ->option_text("refuse|stash");
  verb->callback([downgrading] { migrate_to(*downgrading, false); });

  const auto content = std::make_shared<ContentArguments>();
  const auto add = [&](const char* name, const char* description) {
    CLI::App* added = program.add_subcommand(name, description);
    added->add_option("FILE", content->file, "The store")->required();
    return added;
  };
  verb = add("history", "Print the receipts of past migrations");
  verb->add_flag("--json", content->as_json, "Print NDJSON");
  verb->callback([content] { history_of(*content); });

  verb = add("fingerprint", "Print the fingerprint of the content, which does not depend on format or order");
  verb->add_option("--as", content->as_format, "Over the columns of this format (default: the file's)");
  verb->add_option("--without", content->without, "Columns to leave out")
      ->delimiter(',')
      ->option_text("COLUMN,...");
  verb->add_flag("--json", content->as_json, "Print JSON");
  verb->callback([content] { print_fingerprint(*content); });

  add("verify", "Check every checksum, index entry, constraint and counter")->callback([content, &status] {
    status = verify_file(*content);
  });
}

}  // namespace piecemark::cli
