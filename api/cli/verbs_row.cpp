// Verbs that ask for components: get, find, list.
#include <memory>
#include <optional>

#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct RowArguments {
  std::string file;
  std::string id;
  std::string drawing;
  std::string piece_mark;
  std::optional<std::string> instance;
  bool as_json = false;
};

Uuid require_uuid(const std::string& text, const char* name) {
  if (const auto id = Uuid::parse(text)) return *id;
  throw CLI::ValidationError(name, "'" + text + "' is not a UUID");
}

// An absent answer is said on standard error, so that standard output holds rows and nothing else.
int found(const RowPrinter& printer, const std::string& what) {
  if (printer.rows() > 0) return exit_done;
  print_error("no " + what);
  return exit_refused;
}

int get(const RowArguments& arguments) {
  const Uuid id = require_uuid(arguments.id, "ID");
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  RowPrinter printer(arguments.as_json);
  if (const auto component = snapshot.get(id)) printer.add(component->row());
  printer.finish();
  return found(printer, "component " + arguments.id);
}

int find(const RowArguments& arguments) {
  const Uuid drawing = require_uuid(arguments.drawing, "DRAWING");
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  RowPrinter printer(arguments.as_json);
  ComponentRange rows = arguments.instance
                            ? snapshot.with_key(drawing, arguments.piece_mark, *arguments.instance)
                            : snapshot.sorted(drawing, arguments.piece_mark);
  for (const ComponentView& component : rows) printer.add(component.row());
  printer.finish();
  return found(printer, "component \"" + arguments.piece_mark + "\" on drawing " + arguments.drawing);
}

int list(const RowArguments& arguments) {
  const Uuid drawing = require_uuid(arguments.drawing, "DRAWING");
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  RowPrinter printer(arguments.as_json);
  for (const ComponentView& component : snapshot.sorted(drawing)) printer.add(component.row());
  printer.finish();
  if (snapshot.drawing(drawing)) return exit_done;
  return found(printer, "drawing " + arguments.drawing);
}

}  // namespace

void add_row_verbs(CLI::App& program, int& status) {
  const auto arguments = std::make_shared<RowArguments>();
  const auto add = [&](const char* name, const char* description) {
    CLI::App* verb = program.add_subcommand(name, description);
    verb->add_option("FILE", arguments->file, "The store")->required();
    verb->add_flag("--json", arguments->as_json, "Print NDJSON also on a terminal");
    return verb;
  };

  CLI::App* verb = add("get", "Print the component with an id");
  verb->add_option("ID", arguments->id, "Id of the component")->required();
  verb->callback([arguments, &status] { status = get(*arguments); });

  verb = add("find", "Print the instances of a piece mark on a drawing, or one of them");
  verb->add_option("DRAWING", arguments->drawing, "Id of the drawing")->required();
  verb->add_option("MARK", arguments->piece_mark, "Piece mark, compared byte by byte")->required();
  verb->add_option("INSTANCE", arguments->instance, "Instance identifier (default: all)");
  verb->callback([arguments, &status] { status = find(*arguments); });

  verb = add("list", "Print the components of a drawing");
  verb->add_option("DRAWING", arguments->drawing, "Id of the drawing")->required();
  verb->callback([arguments, &status] { status = list(*arguments); });
}

}  // namespace piecemark::cli
