// SQLite with the schema of the design, which says what the right answer to an operation is.
//
// What SQLite does not do as PostgreSQL does is decided before: the form of a value, and texts that are too
// long, which come before NOT NULL. Doubles are blobs of 8 bytes, as SQLite makes NULL of NaN.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "piecemark/error.h"
#include "tests/oracle/generator.h"
#include "tests/oracle/operation.h"

namespace piecemark::oracle {

// What a column of the store is in SQLite: NULL, number, text or blob.
struct Blob {
  std::string bytes;
};
using SqlValue = std::variant<std::monostate, std::int64_t, std::string, Blob>;

struct OracleOptions {
  std::uint32_t format = 2;
  bool nulls_not_distinct = false;
  Through through = Through::exec;
  Doubles doubles = Doubles::shortest;
};

class SqliteOracle {
 public:
  explicit SqliteOracle(const OracleOptions& options);

  // What DEFAULT NOW() gives from now on.
  void set_now(Timestamp now) { now_ = now; }

  std::string answer(const Operation& operation);

  // All drawings and all components.
  std::string dump();

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;
  using Refused = std::optional<Violation>;

  Statement prepare(const std::string& sql, const std::vector<SqlValue>& values);
  void execute(const std::string& sql);
  // Runs a statement that changes rows. `id` is that of the row as it would be.
  Refused change(const std::string& sql, const std::vector<SqlValue>& values, const SqlValue& id,
                 const SqlValue& former_id = {});
  bool exists(const SqlValue& component_id);
  std::vector<Component> rows(const std::string& where, const std::vector<SqlValue>& values);
  std::vector<Drawing> drawings();

  Refused check_input(const Operation& operation);
  Refused check_lengths(const ComponentColumns& columns);
  Refused insert_row(const ComponentColumns& columns);
  Refused update_row(const Uuid& id, const ComponentColumns& columns, bool& found);
  std::optional<Uuid> row_in_the_way(const ComponentColumns& columns);

  std::string insert_drawing(const Operation& operation);
  std::string update_drawing(const Operation& operation);
  std::string answer_refused_drawing();
  bool is_newer(const Operation& operation, const Uuid& than);
  std::string insert(const Operation& operation);
  std::string upsert(const Operation& operation);
  std::string update(const Operation& operation);
  std::string erase(const char* table, const std::optional<Uuid>& id);
  std::string find(const Operation& operation);

  OracleOptions options_;
  std::unique_ptr<sqlite3, Close> database_;
  Timestamp now_;
  bool in_transaction_ = false;
};

}  // namespace piecemark::oracle
