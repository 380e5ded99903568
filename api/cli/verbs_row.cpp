// Verbs that ask for components: get, find, list.
#include <memory>
#include <optional>
#include <vector>

#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "engine/shown.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

constexpr auto kDrawing =
    "Id of the drawing, or a name that no other has; - for components without a drawing";

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
  throw UsageError(name, "'" + text + "' is not a UUID");
}

// What is meant by DRAWING: an id, a name that one drawing has, or - for the rows without a drawing.
std::optional<Uuid> require_drawing(const ReadTxn& snapshot, const std::string& text) {
  if (text == "-") return std::nullopt;
  if (const auto id = Uuid::parse(text)) return id;
  std::vector<Uuid> named;
  for (const Drawing& drawing : snapshot.drawings()) {
    if (drawing.name == text) named.push_back(drawing.id);
  }
  if (named.size() == 1) return named.front();
  if (named.empty())
    throw UsageError("DRAWING", "'" + text + "' is neither a UUID nor the name of a drawing");
  throw UsageError("DRAWING", "'" + text + "' is the name of " + std::to_string(named.size()) +
                                  " drawings, such as " + named[0].to_string() + " and " +
                                  named[1].to_string() + "; give the id");
}

std::string drawing_called(const std::string& text) {
  return text == "-" ? "without a drawing" : "on drawing " + text;
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
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  const std::optional<Uuid> drawing = require_drawing(snapshot, arguments.drawing);
  RowPrinter printer(arguments.as_json);
  ComponentRange rows = arguments.instance
                            ? snapshot.with_key(drawing, arguments.piece_mark, *arguments.instance)
                            : snapshot.sorted(drawing, arguments.piece_mark);
  for (const ComponentView& component : rows) printer.add(component.row());
  printer.finish();
  return found(printer,
               "component " + engine::shown(arguments.piece_mark) + " " + drawing_called(arguments.drawing));
}

int list(const RowArguments& arguments) {
  const ReadTxn snapshot = Store::open(arguments.file, to_read()).read();
  const std::optional<Uuid> drawing = require_drawing(snapshot, arguments.drawing);
  RowPrinter printer(arguments.as_json);
  for (const ComponentView& component : snapshot.sorted(drawing)) printer.add(component.row());
  printer.finish();
  if (!drawing || snapshot.drawing(*drawing)) return exit_done;
  return found(printer, "drawing " + arguments.drawing);
}

}  // namespace

void add_row_verbs(Verb& program, int& status) {
  const auto arguments = std::make_shared<RowArguments>();
  const auto add = [&](const char* name, const char* description) {
    Verb verb = program.verb(name, description);
    verb.option("FILE", arguments->file, "The store").required();
    verb.flag("--json", arguments->as_json, "Print NDJSON also on a terminal");
    return verb;
  };

  Verb verb = add("get", "Print the component with an id");
  verb.option("ID", arguments->id, "Id of the component").required();
  verb.run([arguments, &status] { status = get(*arguments); });

  verb = add("find", "Print the instances of a piece mark on a drawing, or one of them");
  verb.option("DRAWING", arguments->drawing, kDrawing).required();
  verb.option("MARK", arguments->piece_mark, "Piece mark, compared byte by byte").required();
  verb.option("INSTANCE", arguments->instance, "Instance identifier (default: all)");
  verb.run([arguments, &status] { status = find(*arguments); });

  verb = add("list", "Print the components of a drawing");
  verb.option("DRAWING", arguments->drawing, kDrawing).required();
  verb.run([arguments, &status] { status = list(*arguments); });
}

}  // namespace piecemark::cli
