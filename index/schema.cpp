#include "schema.h"

#include <algorithm>
#include <string>

#include "engine/environment.h"
#include "piecemark/error.h"
#include "tables.h"

namespace piecemark::index {
namespace {

[[noreturn]] void throw_damaged(const engine::ReadTransaction& transaction, std::string found,
                                std::string supported) {
  throw Error(ErrorCode::corrupt_file,
              {"cannot open '" + transaction.environment()->path() + "'", std::move(found),
               std::move(supported), "go back to a backup, or run 'piecemark salvage'"});
}

}  // namespace

void require_schema(const engine::ReadTransaction& transaction, const Format& format) {
  const engine::Environment& environment = *transaction.environment();
  const std::string of_format = "format " + std::to_string(format.number);
  for (const std::string& name : transaction.table_names()) {
    if (std::find(kTables.begin(), kTables.end(), name) == kTables.end())
      throw_damaged(transaction, "a table '" + name + "' that " + of_format + " does not have", {});
  }
  for (const Format& each : formats()) {
    for (const TableId id : {each.rows, each.index}) {
      const engine::Table tested = table(environment, id);
      const std::string name = "table '" + std::string(tested.name) + "'";
      const bool is_there = transaction.has(tested);
      if (each.number == format.number) {
        if (!is_there) throw_damaged(transaction, of_format + " without its " + name, {});
      } else if (is_there && transaction.entries(tested) != 0) {
        throw_damaged(transaction, name + " of format " + std::to_string(each.number) + " with entries",
                      "rows of " + of_format + ", which is that of the file");
      }
    }
  }
}

}  // namespace piecemark::index
