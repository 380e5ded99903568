// The verb salvage, and what it prints.
#include <map>
#include <memory>

#include "api/cli/long_task.h"
#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "piecemark/salvage.h"

namespace piecemark::cli {
namespace {

struct SalvageArguments {
  std::string file;
  std::string output;
  StaleRows stale_rows = StaleRows::where_lost;
};

const std::map<std::string, StaleRows> kStaleRows{
    {"where-lost", StaleRows::where_lost}, {"never", StaleRows::never}, {"always", StaleRows::always}};

constexpr std::size_t kWidth = 12;
constexpr std::size_t kLinesOfList = 100;

void print_fact(std::string_view name, std::string_view value) {
  print_line(std::string(name) + std::string(kWidth - name.size(), ' ') + std::string(value));
}

// The first of them, one a line, and how many more there are.
template <class List, class Describe>
void print_list(std::string_view name, const List& list, const Describe& describe) {
  std::size_t shown = 0;
  for (const auto& item : list) {
    if (shown++ == kLinesOfList) break;
    print_fact(name, describe(item));
  }
  if (list.size() > kLinesOfList) print_fact("", "and " + with_commas(list.size() - kLinesOfList) + " more");
}

std::string id_of(const Uuid& id) {
  return "component " + id.to_string();
}

void print_stamp(const SalvageReport& report) {
  if (report.stamp == SalvageReport::StampFound::stale) {
    print_fact("damaged", "the stamp; that of an earlier commit was taken");
  }
  if (report.stamp == SalvageReport::StampFound::nowhere) {
    print_fact("lost", "the stamp: format " + std::to_string(report.format) +
                           " by what was found, NULLs distinct in the unique constraint");
  }
  if (!report.knows_last_commit) {
    print_fact("damaged", "a meta page: what the last commit wrote may be missing");
  }
}

void print_tables(const SalvageReport& report) {
  for (const SalvageReport::Table& table : report.tables) {
    std::string text = "table " + table.name + ": " + with_commas(table.read) + " of " +
                       (table.entries ? with_commas(*table.entries) : "an unknown number of") + " entries";
    if (table.stale > 0) text += ", and " + with_commas(table.stale) + " from stale pages";
    print_fact("read", text);
  }
}

std::string describe_conflict(const SalvageReport::Conflict& conflict) {
  std::string text = "the row in the way is " + conflict.kept.to_string() + ": ";
  text::append_json(text, row_of(conflict.left_out));
  return text;
}

int print_report(const SalvageReport& report, const std::string& output) {
  print_stamp(report);
  print_list("damaged", report.pages, [](const SalvageReport::Page& page) {
    return "page " + std::to_string(page.number) + ": " + page.reason;
  });
  print_tables(report);
  print_list("lost", report.losses, [](const std::string& loss) { return loss; });
  print_list("lost", report.lost_components, id_of);
  print_list("stale", report.stale_components,
             [](const Uuid& id) { return id_of(id) + ": from a page that no tree reaches"; });
  print_list("recreated", report.recreated_drawings,
             [](const Uuid& id) { return "drawing " + id.to_string() + ", whose name is lost"; });
  print_list("left out", report.conflicts, describe_conflict);
  if (!report.left_out_components.empty()) {
    print_fact("left out", with_commas(report.left_out_components.size()) +
                               " components that only stale pages have: deleted before, or lost");
  }
  print_fact("written", with_commas(report.components) + " components, " + with_commas(report.drawings) +
                            " drawings, " + with_commas(report.stash_entries) + " stash entries, " +
                            with_commas(report.receipts) + " receipts to '" + output + "' in format " +
                            std::to_string(report.format));
  print_line(report.is_complete() ? "complete    everything that the last commit left was read"
                                  : "incomplete  something was lost");
  return report.is_complete() ? exit_done : exit_refused;
}

}  // namespace

void add_salvage_verb(Verb& program, int& status) {
  const auto arguments = std::make_shared<SalvageArguments>();
  Verb verb = program.verb("salvage", "Write what can be read from a damaged store to a new one");
  verb.option("FILE", arguments->file, "The damaged store; it is only read").required();
  verb.option("OUT", arguments->output, "The new store").required();
  verb.choice("--stale-rows", arguments->stale_rows, kStaleRows,
              "Take rows of pages that no tree reaches, where deleted ones lie, too (default: where-lost)");
  verb.run([arguments, &status] {
    LongTask task("salvaging", {});
    const SalvageReport report = salvage(arguments->file, arguments->output,
                                         {.stale_rows = arguments->stale_rows,
                                          .map_size_bytes = to_write().map_size_bytes,
                                          .on_progress = task.on_progress()});
    task.finish();
    status = print_report(report, arguments->output);
  });
}

}  // namespace piecemark::cli
