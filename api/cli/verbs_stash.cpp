// Verbs about what a downgrade has set aside: stash list, export, drop.
#include <memory>

#include "api/cli/opening.h"
#include "api/cli/receipt_text.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct StashArguments {
  std::string file;
  bool only_left_over = false;
  bool as_json = false;
};

constexpr ColumnSet columns_of_identifier() {
  ColumnSet columns;
  for (const Column column :
       {Column::id, Column::drawing_id, Column::piece_mark, Column::instance_identifier}) {
    columns.add(column);
  }
  return columns;
}

void visit(const StashArguments& arguments, const std::function<void(const StashEntry&)>& visitor) {
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  for_each_stash_entry(snapshot, [&](const StashEntry& entry) {
    if (entry.is_left_over || !arguments.only_left_over) visitor(entry);
  });
}

std::string_view state_of(const StashEntry& entry) {
  return entry.is_left_over ? "left over" : "waiting";
}

void print_as_json(const StashEntry& entry) {
  std::string line;
  text::append_json(line, entry.set_aside);
  line.pop_back();
  line += ",\"state\":";
  text::append_json_string(line, entry.is_left_over ? "left_over" : "waiting");
  line += ",\"receipt\":" + std::to_string(entry.set_aside.run) + "}";
  print_json(line);
}

void print_as_text(const StashEntry& entry) {
  const SetAside& set_aside = entry.set_aside;
  const Component& component = set_aside.component;
  std::string line(state_of(entry));
  line.resize(11, ' ');
  line += set_aside.what == SetAside::What::row ? "row         " : "identifier  ";
  text::append_json_string(line, component.piece_mark);
  if (component.instance_identifier) {
    line += " instance ";
    text::append_json_string(line, *component.instance_identifier);
  }
  line += " on drawing " + (component.drawing_id ? component.drawing_id->to_string() : "NULL") +
          ", component " + component.id.to_string() + ": " + set_aside.reason;
  print_line(line);
}

void list(const StashArguments& arguments) {
  const bool as_json = arguments.as_json || !output_is_terminal();
  visit(arguments, [&](const StashEntry& entry) { as_json ? print_as_json(entry) : print_as_text(entry); });
}

// As import takes it: rows whole, identifiers as the columns that tell them and their row.
void export_entries(const StashArguments& arguments) {
  visit(arguments, [](const StashEntry& entry) {
    const ComponentRow row = row_of(entry.set_aside.component);
    std::string line;
    if (entry.set_aside.what == SetAside::What::row) {
      text::append_json(line, row);
    } else {
      text::append_json(line, row, columns_of_identifier());
    }
    print_json(line);
  });
}

void drop(const StashArguments& arguments) {
  Store store = Store::open(arguments.file, to_write());
  const DroppedStash dropped =
      drop_stash(store, arguments.only_left_over ? DropStash::left_over : DropStash::everything);
  print_line("dropped " + count_of(dropped.rows, dropped.identifiers));
}

}  // namespace

void add_stash_verbs(Verb& program) {
  Verb stash = program.verb("stash", "Show and handle what a downgrade has set aside");
  const auto arguments = std::make_shared<StashArguments>();
  const auto add = [&](const char* name, const char* description) {
    Verb verb = stash.verb(name, description);
    verb.option("FILE", arguments->file, "The store").required();
    verb.flag("--left-over", arguments->only_left_over,
              "Only what could not return with an upgrade, and will not by itself");
    return verb;
  };
  Verb verb = add("list", "List the entries, with the reason why each is there");
  verb.flag("--json", arguments->as_json, "Print NDJSON on a terminal too");
  verb.run([arguments] { list(*arguments); });
  add("export", "Print the entries as NDJSON that import takes").run([arguments] {
    export_entries(*arguments);
  });
  add("drop", "Delete the entries for good").run([arguments] { drop(*arguments); });
}

}  // namespace piecemark::cli
