// PostgreSQL with the DDL, in a cluster of its own that only this program talks to, over a Unix socket: prepared
// statements, binary values, durable commits. Where it is not installed, the program says so and exits with 77.

#include <libpq-fe.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "driver.h"
#include "postgres_connection.h"
#include "postgres_server.h"

namespace piecemark::bench {
namespace {

constexpr std::size_t kRowsAFetch = 2'000;

constexpr const char* kDrawings = "CREATE TABLE drawings (id uuid PRIMARY KEY, name text)";

constexpr const char* kForeignKey =
    "ALTER TABLE components ADD CONSTRAINT components_drawing_id_fkey FOREIGN KEY (drawing_id) REFERENCES "
    "drawings (id) ON DELETE CASCADE";
constexpr const char* kNoForeignKey = "ALTER TABLE components DROP CONSTRAINT components_drawing_id_fkey";

constexpr const char* kOldUnique =
    "ADD CONSTRAINT unique_piece_mark_per_drawing UNIQUE (drawing_id, piece_mark)";
constexpr const char* kCurrentUnique =
    "ADD CONSTRAINT unique_piece_mark_instance_per_drawing UNIQUE (drawing_id, piece_mark, "
    "instance_identifier)";

std::string create_components(Schema schema) {
  const bool is_old = schema == Schema::old;
  return std::string(R"sql(
CREATE TABLE components (
  id uuid PRIMARY KEY,
  drawing_id uuid,
  piece_mark varchar(50) NOT NULL,
  )sql") +
         (is_old ? "" : "instance_identifier varchar(10),") +
         R"sql(
  component_type varchar(50),
  quantity integer DEFAULT 1,
  material_type varchar(100),
  location_x double precision,
  location_y double precision,
  bounding_box json,
  confidence_score double precision CHECK (confidence_score >= 0 AND confidence_score <= 1),
  review_status varchar(20) DEFAULT 'pending',
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);
ALTER TABLE components )sql" +
         (is_old ? kOldUnique : kCurrentUnique) + ";" + kForeignKey;
}

// The columns that the schema has, in the order of kColumns, with `missing` in the place of one that it has not.
std::string columns(Schema schema, const std::string& missing) {
  std::string list;
  for (const ColumnInfo& info : kColumns) {
    const bool is_missing = schema == Schema::old && info.column == Column::instance_identifier;
    const std::string name = is_missing ? missing : std::string(info.name);
    if (!name.empty()) list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

// The row of the result, which has kColumns in order.
ComponentRow row_at(const PGresult* result, int number) {
  ComponentRow row;
  int column = 0;
  for_each_column(row, [&](Column, auto& value) {
    const char* const bytes = PQgetvalue(result, number, column);
    const int size = PQgetlength(result, number, column);
    if constexpr (requires { value.emplace(); }) {
      if (PQgetisnull(result, number, column) == 0) load(value.emplace(), bytes, size);
    } else {
      load(value, bytes, size);
    }
    ++column;
  });
  return row;
}

class PostgresContender final : public Contender {
 public:
  // Connects to the cluster's server; with a schema, makes its tables first.
  explicit PostgresContender(const std::filesystem::path& cluster, std::optional<Schema> made = std::nullopt)
      : connection_(cluster) {
    if (made) connection_.execute(std::string(kDrawings) + ";" + create_components(*made));
    const Result found = connection_.query(
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'components'::regclass AND NOT attisdropped "
        "AND attname = 'instance_identifier'");
    schema_ = PQntuples(found.get()) == 0 ? Schema::old : Schema::current;
    prepare();
  }

  // As its manual advises: a table that is emptied in the same transaction needs no log, and a foreign key is
  // checked faster for all rows at once.
  void bulk_load(const Rows& rows) override {
    connection_.execute("BEGIN");
    connection_.execute(kNoForeignKey);
    connection_.execute("TRUNCATE components, drawings");
    copy(rows);
    connection_.execute(kForeignKey);
    connection_.execute("COMMIT");
  }

  void insert(const Rows& rows) override {
    if (rows.drawings.empty() && rows.components.size() == 1) {
      insert_one(*rows.components.front());
      return;
    }
    connection_.execute("BEGIN");
    copy(rows);
    connection_.execute("COMMIT");
  }

  void update(ComponentRefs components) override {
    connection_.execute("BEGIN");
    connection_.run_all("update_component", components, [](const Component* component, Parameters& to) {
      to.add(component->review_status).add(component->confidence_score);
      to.add(component->updated_at).add(component->id);
    });
    connection_.execute("COMMIT");
  }

  void erase(ComponentRefs components) override {
    connection_.execute("BEGIN");
    connection_.run_all("erase_component", components,
                        [](const Component* component, Parameters& to) { to.add(component->id); });
    connection_.execute("COMMIT");
  }

  void erase_drawing(const Uuid& id) override {
    parameters_.clear();
    connection_.run("erase_drawing", parameters_.add(id));
  }

  void settle() override {
    connection_.execute("VACUUM ANALYZE");
    connection_.execute("CHECKPOINT");
  }

  Schema schema() const override { return schema_; }

  // The rows stay where they are: a new column is NULL in them, an old one is no longer read. The index of the
  // unique key is made anew.
  void migrate(Schema to) override {
    connection_.execute("BEGIN");
    if (to == Schema::current) {
      connection_.execute(
          "ALTER TABLE components DROP CONSTRAINT unique_piece_mark_per_drawing, "
          "ADD COLUMN instance_identifier varchar(10)");
      connection_.execute(std::string("ALTER TABLE components ") + kCurrentUnique);
    } else {
      connection_.execute("ALTER TABLE components DROP COLUMN instance_identifier");
      connection_.execute(std::string("ALTER TABLE components ") + kOldUnique);
    }
    connection_.execute("COMMIT");
    schema_ = to;
    connection_.execute("DEALLOCATE ALL");
    prepare();
  }

  void begin_snapshot() override {
    connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    has_snapshot_ = true;
  }
  void end_snapshot() override {
    connection_.execute("COMMIT");
    has_snapshot_ = false;
  }

  Tally find(const RowQuery& query) override {
    parameters_.clear();
    parameters_.add(query.drawing_id).add(std::string_view(query.piece_mark));
    if (!query.instance_identifier) return read("find_without_instance");
    parameters_.add(std::string_view(*query.instance_identifier));
    return read("find");
  }
  Tally get(const Uuid& id) override {
    parameters_.clear();
    parameters_.add(id);
    return read("get");
  }
  Tally instances(const MarkQuery& query) override {
    parameters_.clear();
    parameters_.add(query.drawing_id).add(std::string_view(query.piece_mark));
    return read("instances");
  }
  Tally read_drawing(const Uuid& id) override {
    parameters_.clear();
    parameters_.add(id);
    return read("read_drawing");
  }

  // By a cursor, so that the rows need not fit into memory at once.
  Tally scan() override {
    if (!has_snapshot_) connection_.execute("BEGIN READ ONLY");
    connection_.execute("DECLARE everything NO SCROLL CURSOR FOR " + select(""));
    const std::string fetch = "FETCH " + std::to_string(kRowsAFetch) + " FROM everything";
    Tally tally;
    for (std::uint64_t before = 1; before != tally.rows;) {
      before = tally.rows;
      add(tally, connection_.query(fetch).get());
    }
    connection_.execute(has_snapshot_ ? "CLOSE everything" : "COMMIT");
    return tally;
  }

  std::uint64_t bytes() {
    const Result result =
        connection_.query("SELECT pg_total_relation_size('components') + pg_total_relation_size('drawings')");
    return load_word<std::uint64_t>(PQgetvalue(result.get(), 0, 0));
  }

 private:
  std::string select(const std::string& condition) const {
    return "SELECT " + columns(schema_, "NULL::varchar") + " FROM components " + condition;
  }

  void prepare() {
    const std::string mark = "WHERE drawing_id = $1 AND piece_mark = $2";
    const bool is_old = schema_ == Schema::old;
    connection_.prepare("find",
                        select(mark + (is_old ? " AND $3::text IS NULL" : " AND instance_identifier = $3")));
    connection_.prepare("find_without_instance",
                        select(mark + (is_old ? "" : " AND instance_identifier IS NULL")));
    connection_.prepare("instances", select(mark));
    connection_.prepare("get", select("WHERE id = $1"));
    connection_.prepare("read_drawing", select("WHERE drawing_id = $1"));
    connection_.prepare("erase_drawing", "DELETE FROM drawings WHERE id = $1");
    connection_.prepare("erase_component", "DELETE FROM components WHERE id = $1");
    connection_.prepare(
        "update_component",
        "UPDATE components SET review_status = $1, confidence_score = $2, updated_at = $3 WHERE id = $4");
    if (is_old) return;
    connection_.prepare("insert_component",
                        "INSERT INTO components (" + columns(schema_, "") +
                            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)");
  }

  void insert_one(const Component& component) {
    parameters_.clear();
    const ComponentRow row = row_of(component);
    for_each_column(row, [&](Column, const auto& value) { parameters_.add(value); });
    connection_.run("insert_component", parameters_);
  }

  void copy(const Rows& rows) {
    connection_.copy("drawings (id, name)", rows.drawings, [](const Drawing& drawing, std::string& bytes) {
      append_word(bytes, std::int16_t{2});
      append_field(bytes, drawing.id);
      append_field(bytes, drawing.name);
    });
    const bool is_old = schema_ == Schema::old;
    const auto count = static_cast<std::int16_t>(kColumns.size() - (is_old ? 1 : 0));
    connection_.copy("components (" + columns(schema_, "") + ")", rows.components,
                     [&](const Component* component, std::string& bytes) {
                       append_word(bytes, count);
                       for_each_column(*component, [&](Column column, const auto& value) {
                         if (is_old && column == Column::instance_identifier) return;
                         append_field(bytes, value);
                       });
                     });
  }

  Tally read(const char* statement) {
    Tally tally;
    add(tally, connection_.run(statement, parameters_).get());
    return tally;
  }

  static void add(Tally& tally, const PGresult* result) {
    for (int i = 0; i < PQntuples(result); ++i) tally.add(row_at(result, i));
  }

  Connection connection_;
  Schema schema_ = Schema::current;
  bool has_snapshot_ = false;
  Parameters parameters_;
};

std::string version() {
  const int number = PQlibVersion();
  return std::to_string(number / 10'000) + "." + std::to_string(number % 10'000);
}

ContenderInfo info() {
  using std::filesystem::path;
  return {.name = "postgres",
          .version = version(),
          .create = [](const path& cluster,
                       Schema schema) { return std::make_unique<PostgresContender>(cluster, schema); },
          .open = [](const path& cluster, Access) { return std::make_unique<PostgresContender>(cluster); },
          .start_server = [](const path& cluster) { return std::make_shared<PostgresServer>(cluster); },
          .bytes = [](const path& cluster) { return PostgresContender(cluster).bytes(); }};
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  if (!is_postgres_installed()) {
    std::cerr << argv[0] << ": PostgreSQL's server is not installed in " << PIECEMARK_POSTGRES_PROGRAMS
              << '\n';
    return kNotInstalled;
  }
  return run_benchmarks(argc, argv, info());
}
