// Verbs that take a store from format to format: plan, upgrade, downgrade.
#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "api/cli/migration_progress.h"
#include "api/cli/opening.h"
#include "api/cli/receipt_text.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "engine/os.h"
#include "engine/shown.h"
#include "migration/route.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct MigrationArguments {
  std::string file;
  std::string to = "head";
  std::optional<std::string> output;
  OnLoss on_loss = OnLoss::refuse;
  ProgressStyle progress = ProgressStyle::automatic;
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
    throw UsageError(
        "--to",
        "'" + text + "' is no format; take a number, a name from 'piecemark formats', head, base, +1 or -1");
  }
  if (!is_relative) return number;
  const bool is_up = text.front() == '+';
  if (is_up ? number > std::numeric_limits<std::uint32_t>::max() - current : number >= current) {
    throw UsageError("--to", "'" + text + "' leads past the formats there are; the file has format " +
                                 std::to_string(current));
  }
  return is_up ? current + number : current - number;
}

void require_direction(std::uint32_t current, std::uint32_t target, bool is_upgrade) {
  // What leads from or to an unknown format is for the library to refuse.
  const bool is_known = std::max(current, target) <= known_formats().back().number;
  if (!is_known || (is_upgrade ? target >= current : target <= current)) return;
  throw UsageError("--to", "format " + std::to_string(target) +
                               (is_upgrade ? " is older than" : " is newer than") + " the file's format " +
                               std::to_string(current) + "; use " + (is_upgrade ? "downgrade" : "upgrade"));
}

void print_set_aside_line(const SetAside& entry) {
  std::string line;
  text::append_json(line, entry);
  print_json(line);
}

void require_file_name(const std::optional<std::string>& output) {
  if (output && (output->empty() || *output == "-")) {
    throw UsageError("--output", "'" + *output + "' is no name for a new file");
  }
}

// A downgrade that is not allowed to set anything aside asks first, over a snapshot: nobody has to wait while somebody
// reads the answer.
void refuse_loss(const Store& store, std::uint32_t target, MigrationProgressReport& progress) {
  const MigrationPlan plan =
      plan_migration(store, target,
                     {.on_set_aside =
                          [&](const SetAside& entry) {
                            progress.pause();
                            print_set_aside_line(entry);
                          },
                      .on_progress = [&](const MigrationProgress& now) { return progress.update(now); }});
  if (!plan.would_lose()) return;
  throw migration::refusal_of_downgrade(store.path(), target, plan.stashed_rows, plan.stashed_identifiers);
}

void migrate_to(const MigrationArguments& arguments, bool is_upgrade) {
  require_file_name(arguments.output);
  Store store = Store::open(arguments.file, arguments.output ? to_read() : to_write());
  const StoreInfo info = store.info();
  const std::uint32_t target = target_format(arguments.to, info.format);
  require_direction(info.format, target, is_upgrade);
  MigrationProgressReport progress(is_upgrade ? "upgrading" : "downgrading", arguments.progress,
                                   info.components);
  if (!is_upgrade && arguments.on_loss == OnLoss::refuse) refuse_loss(store, target, progress);
  const MigrationOptions options{
      .on_loss = arguments.on_loss,
      .on_set_aside =
          [&](const SetAside& entry) {
            progress.pause();
            if (is_upgrade) print_set_aside_line(entry);
          },
      .on_progress = [&](const MigrationProgress& now) { return progress.update(now); },
  };
  const auto receipt = arguments.output ? migrate_into(*arguments.output, store, target, options)
                                        : migrate(store, target, options);
  progress.finish();
  if (receipt) print_receipt(*receipt);
  if (!receipt) print_line("'" + arguments.file + "' has format " + std::to_string(target) + " already");
  if (arguments.output) {
    engine::os::FileFacts copy;
    engine::os::facts_of(*arguments.output, copy);
    print_line("written to '" + *arguments.output + "', " + in_bytes(copy.size_bytes) + "; '" +
               arguments.file + "', " + in_bytes(info.file_bytes) + ", is as it was");
  }
}

// ---- plan

std::string verb_for(const MigrationPlan& plan) {
  return plan.to < plan.from ? "downgrade" : "upgrade";
}

void print_table(const MigrationPlan::Table& table, std::string_view label) {
  constexpr std::size_t kNameWidth = 14;
  print_line("  " + std::string(label) + table.name + std::string(kNameWidth - table.name.size(), ' ') +
             with_commas(table.rows) + (table.is_index ? " entries, " : " rows, ") + in_bytes(table.bytes) +
             (!table.is_rewritten ? ""
              : table.is_index    ? ", rebuilt"
                                  : ", rewritten"));
}

void print_plan(const MigrationPlan& plan, const std::string& file) {
  print_line("plan: '" + file + "' from format " + std::to_string(plan.from) + " to " +
             std::to_string(plan.to));
  if (plan.steps.empty()) {
    print_line("  nothing to do: the file has this format already");
    return;
  }
  std::string steps;
  for (const std::string& step : plan.steps) steps += (steps.empty() ? "" : ", ") + step;
  print_line("  steps        " + steps + (plan.to < plan.from ? " (downwards)" : ""));
  std::string_view label = "tables       ";
  for (const MigrationPlan::Table& table : plan.tables) {
    print_table(table, label);
    label = "             ";
  }
  if (plan.to < plan.from) {
    print_line("  set aside    " + count_of(plan.stashed_rows, plan.stashed_identifiers));
  } else {
    print_line("  return       " + count_of(plan.returned_rows, plan.returned_identifiers));
    print_line("  left over    " + std::to_string(plan.left_over) +
               " entries of the stash that cannot return");
  }
  print_line("  disk         grows by up to " + in_bytes(plan.bytes_needed) + ", " +
             in_bytes(plan.bytes_free) + " free; with --output the new file takes about " +
             in_bytes(plan.copy_bytes));
  print_line("  time         about " + in_duration(plan.expected_us));
  if (!plan.has_room()) {
    print_line("  next         make room on the disk, or write to another one with --output");
    return;
  }
  print_line("  next         piecemark " + verb_for(plan) + " " + shell_quoted(file) + " --to " +
             std::to_string(plan.to) + (plan.would_lose() ? " --on-conflict stash" : ""));
}

// Without the brace that begins the object.
void print_plan_json(const MigrationPlan& plan, const std::string& file) {
  std::string rest;
  {
    text::JsonObject object(rest);
    object.add("file", engine::escaped(file, engine::Escape::no_text))
        .add("from", std::uint64_t{plan.from})
        .add("to", std::uint64_t{plan.to});
    text::append_json(object.begin("steps"), plan.steps);
    std::string& tables = object.begin("tables") += '[';
    for (const MigrationPlan::Table& table : plan.tables) {
      if (!tables.ends_with('[')) tables += ',';
      text::JsonObject(tables)
          .add("name", table.name)
          .add("rows", table.rows)
          .add("bytes", table.bytes)
          .add("is_index", table.is_index)
          .add("is_rewritten", table.is_rewritten);
    }
    tables += ']';
    object.add("stashed_rows", plan.stashed_rows).add("stashed_identifiers", plan.stashed_identifiers);
    object.add("returned_rows", plan.returned_rows).add("returned_identifiers", plan.returned_identifiers);
    object.add("left_over", plan.left_over);
    object.add("bytes_needed", plan.bytes_needed).add("bytes_free", plan.bytes_free);
    object.add("copy_bytes", plan.copy_bytes);
    object.add("expected_us", static_cast<std::uint64_t>(plan.expected_us));
  }
  print_json(std::string_view(rest).substr(1));
}

// One object in JSON. Its first member is what is set aside or cannot return, so that memory does not grow with it.
class SetAsidePrinter {
 public:
  explicit SetAsidePrinter(bool as_json) : as_json_(as_json) {}

  void add(const SetAside& entry) {
    if (!as_json_) {
      print_line(line_of(entry));
      return;
    }
    std::string text = begin();
    text::append_json(text, entry);
    print(text);
  }
  // Ends the member, and leaves the object open.
  void end_json() { print((is_begun_ ? "" : begin()) + "],"); }

 private:
  static std::string line_of(const SetAside& entry) {
    const Component& component = entry.component;
    std::string text = entry.what == SetAside::What::row ? "row         " : "identifier  ";
    text += component.id.to_string() + "  drawing " +
            (component.drawing_id ? component.drawing_id->to_string() : "NULL") + "  mark ";
    text::append_json_string(text, component.piece_mark);
    if (component.instance_identifier) {
      text += "  instance ";
      text::append_json_string(text, *component.instance_identifier);
    }
    return text + ": " + entry.reason;
  }

  std::string begin() { return std::exchange(is_begun_, true) ? "," : "{\"set_aside\":["; }

  bool as_json_;
  bool is_begun_ = false;
};

void plan(const MigrationArguments& arguments) {
  const Store store = Store::open(arguments.file, to_read());
  const StoreInfo info = store.info();
  const std::uint32_t target = target_format(arguments.to, info.format);
  MigrationProgressReport progress("planning", ProgressStyle::automatic, info.components);
  SetAsidePrinter printer(arguments.as_json);
  const MigrationPlan plan =
      plan_migration(store, target,
                     {.on_set_aside =
                          [&](const SetAside& entry) {
                            progress.pause();
                            printer.add(entry);
                          },
                      .on_progress = [&](const MigrationProgress& now) { return progress.update(now); }});
  progress.finish();
  if (arguments.as_json) {
    printer.end_json();
    print_plan_json(plan, arguments.file);
  } else {
    print_plan(plan, arguments.file);
  }
}

const std::map<std::string, OnLoss> kOnLoss{{"refuse", OnLoss::refuse}, {"stash", OnLoss::stash}};
const std::map<std::string, ProgressStyle> kProgress{
    {"auto", ProgressStyle::automatic}, {"json", ProgressStyle::json}, {"none", ProgressStyle::none}};

}  // namespace

void add_migration_verbs(Verb& program) {
  const auto add = [&](const char* name, const char* description) {
    const auto arguments = std::make_shared<MigrationArguments>();
    Verb verb = program.verb(name, description);
    verb.option("FILE", arguments->file, "The store").required();
    return std::pair(verb, arguments);
  };
  const auto add_run_options = [](Verb verb, const std::shared_ptr<MigrationArguments>& arguments) {
    verb.option("--output", arguments->output, "Write a new file, and leave FILE as it is").shown_as("NEW");
    verb.choice("--progress", arguments->progress, kProgress,
                "On standard error: a bar on a terminal (auto), JSON lines, or nothing");
  };

  auto [planning, plan_arguments] =
      add("plan", "Say what an upgrade or downgrade would do, without doing it");
  planning.option("--to", plan_arguments->to, "Format to reach (default: head)")
      .shown_as("N|NAME|head|base|+1|-1");
  planning.flag("--json", plan_arguments->as_json, "Print JSON");
  planning.run([arguments = plan_arguments] { plan(*arguments); });

  auto [upgrade, upgrade_arguments] =
      add("upgrade", "Take a store to a newer format, with all that a downgrade had set aside");
  upgrade.option("--to", upgrade_arguments->to, "Format to reach (default: head)").shown_as("N|NAME|head|+1");
  add_run_options(upgrade, upgrade_arguments);
  upgrade.run([arguments = upgrade_arguments] { migrate_to(*arguments, true); });

  auto [downgrade, downgrade_arguments] =
      add("downgrade", "Take a store to an older format; what that cannot hold is listed, or set aside");
  downgrade.option("--to", downgrade_arguments->to, "Format to reach").required().shown_as("N|NAME|base|-1");
  downgrade.choice("--on-conflict", downgrade_arguments->on_loss, kOnLoss,
                   "For what the older format cannot hold (default: refuse)");
  add_run_options(downgrade, downgrade_arguments);
  downgrade.run([arguments = downgrade_arguments] { migrate_to(*arguments, false); });
}

}  // namespace piecemark::cli
