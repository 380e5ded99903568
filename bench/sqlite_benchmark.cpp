// SQLite with the schema of the DDL: WAL, synchronous FULL, prepared statements, values bound in place.

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "driver.h"

namespace piecemark::bench {
namespace {

// Ids are 16 bytes, timestamps microseconds. The map and the cache hold the whole file, as Piecemark's map
// does.
constexpr const char* kSettings = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA mmap_size = 17179869184;
PRAGMA cache_size = -1048576;
)sql";

constexpr const char* kDrawings = "CREATE TABLE drawings (id BLOB PRIMARY KEY NOT NULL, name TEXT) STRICT";

// The statement that makes the table of the schema, with all its rules.
std::string create_components(const std::string& table, Schema schema) {
  const bool is_old = schema == Schema::old;
  return "CREATE TABLE " + table + R"sql( (
  id BLOB PRIMARY KEY NOT NULL,
  drawing_id BLOB REFERENCES drawings(id) ON DELETE CASCADE,
  piece_mark TEXT NOT NULL CHECK (length(piece_mark) <= 50),
  )sql" + (is_old ? "" : "instance_identifier TEXT CHECK (length(instance_identifier) <= 10),") +
         R"sql(
  component_type TEXT CHECK (length(component_type) <= 50),
  quantity INTEGER DEFAULT 1,
  material_type TEXT CHECK (length(material_type) <= 100),
  location_x REAL,
  location_y REAL,
  bounding_box TEXT CHECK (bounding_box IS NULL OR json_valid(bounding_box)),
  confidence_score REAL CHECK (confidence_score >= 0 AND confidence_score <= 1),
  review_status TEXT DEFAULT 'pending' CHECK (length(review_status) <= 20),
  created_at INTEGER,
  updated_at INTEGER,
  CONSTRAINT )sql" +
         (is_old ? "unique_piece_mark_per_drawing UNIQUE (drawing_id, piece_mark)"
                 : "unique_piece_mark_instance_per_drawing UNIQUE (drawing_id, piece_mark, "
                   "instance_identifier)") +
         ") STRICT";
}

// What a SELECT lists to get kColumns in order.
std::string all_columns(Schema schema) {
  std::string list;
  for (const ColumnInfo& info : kColumns) {
    const bool is_missing = schema == Schema::old && info.column == Column::instance_identifier;
    list += (list.empty() ? "" : ", ") + std::string(is_missing ? "NULL" : info.name);
  }
  return list;
}

// A list of the columns that the table of the schema has, each as write(info) puts it.
template <class Write>
std::string own_columns(Schema schema, const Write& write) {
  std::string list;
  for (const ColumnInfo& info : kColumns) {
    if (schema == Schema::old && info.column == Column::instance_identifier) continue;
    list += (list.empty() ? "" : ", ") + write(info);
  }
  return list;
}

class Database {
 public:
  Database(const std::filesystem::path& file, int flags) {
    check(sqlite3_open_v2(file.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr));
    execute(kSettings);
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() { return handle_; }
  void execute(const std::string& statements) {
    check(sqlite3_exec(handle_, statements.c_str(), nullptr, nullptr, nullptr));
  }
  void check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(handle_));
  }

 private:
  sqlite3* handle_ = nullptr;
};

// A prepared statement. Parameters are bound from left to right; what they borrow must live until the last
// step.
class Statement {
 public:
  Statement(Database& database, const std::string& text) : database_(database) {
    database_.check(sqlite3_prepare_v3(database_.handle(), text.c_str(), static_cast<int>(text.size()),
                                       SQLITE_PREPARE_PERSISTENT, &handle_, nullptr));
  }
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::string_view text) {
    return bound(
        sqlite3_bind_text(handle_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
  }
  Statement& bind(const Uuid& id) {
    return bound(sqlite3_bind_blob(handle_, ++bound_, id.bytes.data(), sizeof id.bytes, SQLITE_STATIC));
  }
  Statement& bind(std::int32_t number) { return bound(sqlite3_bind_int(handle_, ++bound_, number)); }
  Statement& bind(double number) { return bound(sqlite3_bind_double(handle_, ++bound_, number)); }
  Statement& bind(Timestamp time) { return bound(sqlite3_bind_int64(handle_, ++bound_, time.microseconds)); }
  template <class T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bound(sqlite3_bind_null(handle_, ++bound_));
  }

  // For a statement that returns no rows.
  void run() {
    step();
    reset();
  }

  bool has_rows() {
    const bool found = step();
    reset();
    return found;
  }

  // The tally of the rows that it returns, each with kColumns in order.
  Tally read() {
    Tally tally;
    while (step()) tally.add(row());
    reset();
    return tally;
  }

 private:
  Statement& bound(int code) {
    database_.check(code);
    return *this;
  }

  bool step() {
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(database_.handle()));
    return false;
  }

  void reset() {
    database_.check(sqlite3_reset(handle_));
    bound_ = 0;
  }

  ComponentRow row() const {
    ComponentRow row;
    int column = 0;
    for_each_column(row, [&](Column, auto& value) { load(column++, value); });
    return row;
  }

  template <class T>
  void load(int column, std::optional<T>& value) const {
    if (sqlite3_column_type(handle_, column) != SQLITE_NULL) load(column, value.emplace());
  }
  void load(int column, Uuid& id) const {
    const void* const bytes = sqlite3_column_blob(handle_, column);
    std::memcpy(id.bytes.data(), bytes, sizeof id.bytes);
  }
  void load(int column, std::string_view& text) const {
    const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    text = {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
  }
  void load(int column, std::int32_t& number) const { number = sqlite3_column_int(handle_, column); }
  void load(int column, double& number) const { number = sqlite3_column_double(handle_, column); }
  void load(int column, Timestamp& time) const { time.microseconds = sqlite3_column_int64(handle_, column); }

  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
  int bound_ = 0;
};

Schema schema_of(Database& database) {
  Statement column(database,
                   "SELECT 1 FROM pragma_table_info('components') WHERE name = 'instance_identifier'");
  return column.has_rows() ? Schema::current : Schema::old;
}

std::string select_components(Schema schema, const std::string& condition) {
  return "SELECT " + all_columns(schema) + " FROM components " + condition;
}

std::string key_condition(Schema schema) {
  const std::string instance = schema == Schema::old ? "NULL" : "instance_identifier";
  return "WHERE drawing_id = ? AND piece_mark = ? AND " + instance + " IS ?";
}

// Parameters are numbered as the columns, whether the table has them or not.
std::string insert_component(Schema schema) {
  const auto parameter = [](const ColumnInfo& info) {
    return "?" + std::to_string(static_cast<int>(info.column));
  };
  return "INSERT INTO components VALUES (" + own_columns(schema, parameter) + ")";
}

// What is asked of a table of one schema.
struct Statements {
  Statements(Database& database, Schema schema)
      : find(database, select_components(schema, key_condition(schema))),
        get(database, select_components(schema, "WHERE id = ?")),
        instances(database, select_components(schema, "WHERE drawing_id = ? AND piece_mark = ?")),
        read_drawing(database, select_components(schema, "WHERE drawing_id = ?")),
        scan(database, select_components(schema, "")),
        insert(database, insert_component(schema)),
        insert_drawing(database, "INSERT INTO drawings VALUES (?, ?)"),
        update(database,
               "UPDATE components SET review_status = ?, confidence_score = ?, updated_at = ? WHERE id = ?"),
        erase(database, "DELETE FROM components WHERE id = ?"),
        erase_drawing(database, "DELETE FROM drawings WHERE id = ?"),
        begin(database, "BEGIN"),
        commit(database, "COMMIT") {}

  Statement find;
  Statement get;
  Statement instances;
  Statement read_drawing;
  Statement scan;
  Statement insert;
  Statement insert_drawing;
  Statement update;
  Statement erase;
  Statement erase_drawing;
  Statement begin;
  Statement commit;
};

class SqliteContender final : public Contender {
 public:
  // Opens the file; with a schema, makes its tables first.
  SqliteContender(const std::filesystem::path& file, int flags, std::optional<Schema> made = std::nullopt)
      : database_(file, flags) {
    if (made) database_.execute(std::string(kDrawings) + ";" + create_components("components", *made));
    schema_ = schema_of(database_);
    statements_.emplace(database_, schema_);
  }

  void bulk_load(const Rows& rows) override { insert(rows); }

  void insert(const Rows& rows) override {
    in_transaction([&] {
      for (const Drawing& drawing : rows.drawings) {
        statements_->insert_drawing.bind(drawing.id).bind(drawing.name).run();
      }
      for (const Component* component : rows.components) {
        Statement& insert = statements_->insert;
        for_each_column(*component, [&](Column, const auto& value) { insert.bind(value); });
        insert.run();
      }
    });
  }

  void update(ComponentRefs components) override {
    in_transaction([&] {
      for (const Component* component : components) {
        Statement& update = statements_->update;
        update.bind(component->review_status).bind(component->confidence_score);
        update.bind(component->updated_at).bind(component->id).run();
      }
    });
  }

  void erase(ComponentRefs components) override {
    in_transaction([&] {
      for (const Component* component : components) statements_->erase.bind(component->id).run();
    });
  }

  void erase_drawing(const Uuid& id) override { statements_->erase_drawing.bind(id).run(); }

  Schema schema() const override { return schema_; }
  void migrate(Schema to) override {
    if (to == Schema::current) {
      rebuild(to, all_columns(Schema::old));
    } else {
      rebuild(to, own_columns(Schema::old, [](const ColumnInfo& info) { return std::string(info.name); }));
    }
  }
  // Copies the log into the file.
  void settle() override {
    database_.execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 1000");
  }

  void begin_snapshot() override { statements_->begin.run(); }
  void end_snapshot() override { statements_->commit.run(); }

  Tally find(const RowQuery& query) override {
    Statement& find = statements_->find;
    return find.bind(query.drawing_id).bind(query.piece_mark).bind(query.instance_identifier).read();
  }
  Tally get(const Uuid& id) override { return statements_->get.bind(id).read(); }
  Tally instances(const MarkQuery& query) override {
    return statements_->instances.bind(query.drawing_id).bind(query.piece_mark).read();
  }
  Tally read_drawing(const Uuid& id) override { return statements_->read_drawing.bind(id).read(); }
  Tally scan() override { return statements_->scan.read(); }

 private:
  template <class Write>
  void in_transaction(const Write& write) {
    statements_->begin.run();
    write();
    statements_->commit.run();
  }

  // https://www.sqlite.org/lang_altertable.html#otheralter: a new table takes the rows and the name of the
  // old one, because a rule cannot be changed in place. The log stays as it is until settle().
  void rebuild(Schema schema, const std::string& columns) {
    database_.execute("PRAGMA wal_autocheckpoint = 0");
    database_.execute("PRAGMA foreign_keys = OFF");
    statements_->begin.run();
    database_.execute(create_components("components_new", schema));
    database_.execute("INSERT INTO components_new SELECT " + columns + " FROM components");
    database_.execute("DROP TABLE components");
    database_.execute("ALTER TABLE components_new RENAME TO components");
    if (Statement(database_, "PRAGMA foreign_key_check").has_rows()) {
      throw std::runtime_error("the rebuilt table has components without their drawing");
    }
    statements_->commit.run();
    database_.execute("PRAGMA foreign_keys = ON");
    schema_ = schema;
    statements_.emplace(database_, schema);
  }

  Database database_;
  Schema schema_ = Schema::current;
  std::optional<Statements> statements_;
};

std::unique_ptr<Contender> create(const std::filesystem::path& file, Schema schema) {
  return std::make_unique<SqliteContender>(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, schema);
}

std::unique_ptr<Contender> open(const std::filesystem::path& file, Access access) {
  const bool is_read_only = access == Access::read_only;
  return std::make_unique<SqliteContender>(file, is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(argc, argv,
                        {.name = "sqlite", .version = sqlite3_libversion(), .create = create, .open = open});
}
