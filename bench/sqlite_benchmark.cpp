// SQLite with the schema of the DDL: WAL, synchronous FULL, prepared statements, values bound in place.

#include <sqlite3.h>

#include <cstring>
#include <optional>
#include <stdexcept>
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

constexpr const char* kSchema = R"sql(
CREATE TABLE drawings (id BLOB PRIMARY KEY NOT NULL, name TEXT) STRICT;
CREATE TABLE components (
  id BLOB PRIMARY KEY NOT NULL,
  drawing_id BLOB REFERENCES drawings(id) ON DELETE CASCADE,
  piece_mark TEXT NOT NULL CHECK (length(piece_mark) <= 50),
  instance_identifier TEXT CHECK (length(instance_identifier) <= 10),
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
  CONSTRAINT unique_piece_mark_instance_per_drawing UNIQUE (drawing_id, piece_mark, instance_identifier)
) STRICT;
)sql";

class Database {
 public:
  explicit Database(const std::filesystem::path& file) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    check(sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr));
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() { return handle_; }
  void execute(const char* statements) {
    check(sqlite3_exec(handle_, statements, nullptr, nullptr, nullptr));
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

Database& with_schema(Database& database) {
  database.execute(kSettings);
  database.execute(kSchema);
  return database;
}

std::string select_components(const std::string& condition) {
  std::string columns;
  for (const ColumnInfo& info : kColumns) columns += (columns.empty() ? "" : ", ") + std::string(info.name);
  return "SELECT " + columns + " FROM components " + condition;
}

class SqliteContender final : public Contender {
 public:
  explicit SqliteContender(const std::filesystem::path& folder)
      : database_(folder / "bench.sqlite"), find_(with_schema(database_), select_components(kKey)) {}

  void bulk_load(const Workload& workload) override {
    begin_.run();
    for (const Drawing& drawing : workload.drawings()) {
      insert_drawing_.bind(drawing.id).bind(drawing.name).run();
    }
    for (const Component& component : workload.components()) insert(component);
    commit_.run();
  }

  void insert(const Component& component) override {
    for_each_column(component, [&](Column, const auto& value) { insert_.bind(value); });
    insert_.run();
  }

  void erase(const std::vector<Component>& components) override {
    begin_.run();
    for (const Component& component : components) erase_.bind(component.id).run();
    commit_.run();
  }

  void begin_snapshot() override { begin_.run(); }
  void end_snapshot() override { commit_.run(); }

  Tally find(const RowQuery& query) override {
    return find_.bind(query.drawing_id).bind(query.piece_mark).bind(query.instance_identifier).read();
  }
  Tally get(const Uuid& id) override { return get_.bind(id).read(); }
  Tally read_drawing(const Uuid& id) override { return read_drawing_.bind(id).read(); }
  Tally scan() override { return scan_.read(); }

 private:
  static constexpr const char* kKey = "WHERE drawing_id = ? AND piece_mark = ? AND instance_identifier IS ?";

  Database database_;
  Statement find_;
  Statement get_{database_, select_components("WHERE id = ?")};
  Statement read_drawing_{database_, select_components("WHERE drawing_id = ?")};
  Statement scan_{database_, select_components("")};
  Statement insert_{database_, "INSERT INTO components VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  Statement insert_drawing_{database_, "INSERT INTO drawings VALUES (?, ?)"};
  Statement erase_{database_, "DELETE FROM components WHERE id = ?"};
  Statement begin_{database_, "BEGIN"};
  Statement commit_{database_, "COMMIT"};
};

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(
      argc, argv,
      {.name = "sqlite", .version = sqlite3_libversion(), .create = [](const std::filesystem::path& folder) {
         return std::make_unique<SqliteContender>(folder);
       }});
}
