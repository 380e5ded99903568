#include "schema.h"

#include <algorithm>
#include <string>

#include "block.h"
#include "engine/environment.h"
#include "engine/record.h"
#include "id_block.h"
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

// Whether the checksum of an entry binds it to this table.
bool is_of(TableId id, engine::Bytes key, engine::Bytes value) {
  const engine::RecordPlace place{kTables[static_cast<std::size_t>(id)], key};
  try {
    switch (id) {
      case TableId::meta:
        return false;  // The stamp was found there.
      case TableId::blocks_3:
        return Block(place, value).count() > 0;
      case TableId::ids_3:
        return IdBlock(place, value).count() > 0;
      default:
        return engine::try_unseal(place, value).has_value();
    }
  } catch (const Error&) {
    return false;
  }
}

// Two tables that have changed their names are sound trees, and one of them hides what lies in the other.
void require_own_entries(const engine::ReadTransaction& transaction, TableId id) {
  const engine::Table tested = table(*transaction.environment(), id);
  if (!transaction.has(tested)) return;
  engine::Cursor cursor(transaction, tested);
  if (!cursor.first() || is_of(id, cursor.key(), cursor.value())) return;
  for (std::size_t other = 0; other < kTables.size(); ++other) {
    if (!is_of(static_cast<TableId>(other), cursor.key(), cursor.value())) continue;
    throw_damaged(transaction,
                  "entries of table '" + std::string(kTables[other]) + "' under the name '" +
                      std::string(tested.name) + "'",
                  {});
  }
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
  for (std::size_t i = 0; i < kTables.size(); ++i) require_own_entries(transaction, static_cast<TableId>(i));
}

}  // namespace piecemark::index
