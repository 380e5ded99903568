#include "tests/oracle/sqlite_oracle.h"

#include <cstring>
#include <stdexcept>
#include <utility>

namespace piecemark::oracle {
namespace {

constexpr const char* kSchema = R"sql(
PRAGMA foreign_keys = ON;
CREATE TABLE drawings (id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16), name TEXT);
CREATE TABLE components (
    id BLOB NOT NULL DEFAULT (randomblob(16)) PRIMARY KEY CHECK (length(id) = 16),
    drawing_id BLOB REFERENCES drawings(id) ON DELETE CASCADE,
    piece_mark TEXT NOT NULL CHECK (length(piece_mark) <= 50),
    instance_identifier TEXT DEFAULT NULL CHECK (length(instance_identifier) <= 10),
    component_type TEXT CHECK (length(component_type) <= 50),
    quantity INTEGER DEFAULT 1,
    material_type TEXT CHECK (length(material_type) <= 100),
    location_x BLOB,
    location_y BLOB,
    bounding_box TEXT,
    confidence_score BLOB,
    review_status TEXT DEFAULT 'pending' CHECK (length(review_status) <= 20),
    created_at INTEGER DEFAULT (now_microseconds()),
    updated_at INTEGER DEFAULT (now_microseconds()),
    CONSTRAINT components_confidence_score_check CHECK (confidence_score IS NULL OR is_unit(confidence_score))
);
)sql";

// NULLs are distinct in an index of SQLite; for the others an expression stands that no value equals.
constexpr const char* kUniqueIndexes[2][2] = {
    {"CREATE UNIQUE INDEX key ON components (drawing_id, piece_mark)",
     "CREATE UNIQUE INDEX key ON components (ifnull(drawing_id, 0), piece_mark)"},
    {"CREATE UNIQUE INDEX key ON components (drawing_id, piece_mark, instance_identifier)",
     "CREATE UNIQUE INDEX key ON components (ifnull(drawing_id, 0), piece_mark, "
     "ifnull(instance_identifier, 0))"},
};

constexpr const char* kInOrder =
    " ORDER BY drawing_id NULLS LAST, piece_mark, instance_identifier NULLS LAST, id";

double double_of(const void* bytes) {
  double value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void is_unit(sqlite3_context* context, int, sqlite3_value** arguments) {
  const double value = double_of(sqlite3_value_blob(arguments[0]));
  sqlite3_result_int(context, value >= 0 && value <= 1 ? 1 : 0);
}

void now_microseconds(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_int64(context, static_cast<const Timestamp*>(sqlite3_user_data(context))->microseconds);
}

SqlValue sql(const Uuid& id) {
  return Blob{std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size())};
}
SqlValue sql(const std::string& text) {
  return text;
}
SqlValue sql(std::int32_t number) {
  return std::int64_t{number};
}
SqlValue sql(double number) {
  return Blob{std::string(reinterpret_cast<const char*>(&number), sizeof number)};
}
SqlValue sql(const Timestamp& instant) {
  return instant.microseconds;
}
template <class T>
SqlValue sql(const std::optional<T>& value) {
  return value ? sql(*value) : SqlValue{};
}

void bind(sqlite3_stmt* statement, int at, const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, at, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    sqlite3_bind_blob64(statement, at, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
  }
}

// Reads a column that is not NULL.
void read(sqlite3_stmt* statement, int at, Uuid& value) {
  std::memcpy(value.bytes.data(), sqlite3_column_blob(statement, at), value.bytes.size());
}
void read(sqlite3_stmt* statement, int at, std::string& value) {
  const void* text = sqlite3_column_text(statement, at);
  value.assign(static_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(statement, at)));
}
void read(sqlite3_stmt* statement, int at, std::int32_t& value) {
  value = sqlite3_column_int(statement, at);
}
void read(sqlite3_stmt* statement, int at, double& value) {
  value = double_of(sqlite3_column_blob(statement, at));
}
void read(sqlite3_stmt* statement, int at, Timestamp& value) {
  value.microseconds = sqlite3_column_int64(statement, at);
}
template <class T>
void read(sqlite3_stmt* statement, int at, std::optional<T>& value) {
  value.reset();
  if (sqlite3_column_type(statement, at) != SQLITE_NULL) read(statement, at, value.emplace());
}

// JSON goes in without its blanks, and JSON's null is NULL.
std::string placeholder(Column column) {
  return column == Column::bounding_box ? "nullif(json(?), 'null')" : "?";
}

Violation input_error(ErrorCode code, std::string_view column) {
  return {code, {}, std::string(column), {}, {}};
}

}  // namespace

SqliteOracle::SqliteOracle(const OracleOptions& options) : options_(options) {
  sqlite3* opened = nullptr;
  if (sqlite3_open(":memory:", &opened) != SQLITE_OK) throw std::runtime_error("cannot open SQLite");
  database_.reset(opened);
  sqlite3_create_function(opened, "is_unit", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                          nullptr, is_unit, nullptr, nullptr);
  sqlite3_create_function(opened, "now_microseconds", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, &now_,
                          now_microseconds, nullptr, nullptr);
  execute(kSchema);
  execute(kUniqueIndexes[options.format - 1][options.nulls_not_distinct ? 1 : 0]);
}

void SqliteOracle::execute(const std::string& sql_text) {
  if (sqlite3_exec(database_.get(), sql_text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database_.get()));
  }
}

SqliteOracle::Statement SqliteOracle::prepare(const std::string& sql_text,
                                              const std::vector<SqlValue>& values) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql_text.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database_.get()) + " in " + sql_text);
  }
  Statement statement(prepared);
  for (std::size_t i = 0; i < values.size(); ++i) bind(prepared, static_cast<int>(i + 1), values[i]);
  return statement;
}

SqliteOracle::Refused SqliteOracle::change(const std::string& sql_text, const std::vector<SqlValue>& values,
                                           const SqlValue& id, const SqlValue& former_id) {
  const Statement statement = prepare(sql_text, values);
  if (sqlite3_step(statement.get()) == SQLITE_DONE) return std::nullopt;
  const int code = sqlite3_extended_errcode(database_.get());
  const std::string message = sqlite3_errmsg(database_.get());
  switch (code) {
    case SQLITE_CONSTRAINT_NOTNULL:
      return input_error(ErrorCode::not_null_violation, message.substr(message.rfind('.') + 1));
    case SQLITE_CONSTRAINT_CHECK:
      return Violation{
          ErrorCode::check_violation, message.substr(message.rfind(' ') + 1), "confidence_score", {}, {}};
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return Violation{ErrorCode::foreign_key_violation, "components_drawing_id_fkey", "drawing_id", {}, {}};
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE: {
      // SQLite looks at its indexes in an order of its own.
      const bool id_is_taken = std::get_if<Blob>(&id) != nullptr && exists(id) &&
                               (std::get_if<Blob>(&former_id) == nullptr ||
                                std::get<Blob>(id).bytes != std::get<Blob>(former_id).bytes);
      const char* key =
          options_.format == 1 ? "unique_piece_mark_per_drawing" : "unique_piece_mark_instance_per_drawing";
      return Violation{ErrorCode::unique_violation, id_is_taken ? "components_pkey" : key, {}, {}, {}};
    }
    default:
      throw std::runtime_error("SQLite: " + message + " in " + sql_text);
  }
}

bool SqliteOracle::exists(const SqlValue& component_id) {
  const Statement statement = prepare("SELECT 1 FROM components WHERE id = ?", {component_id});
  return sqlite3_step(statement.get()) == SQLITE_ROW;
}

std::vector<Component> SqliteOracle::rows(const std::string& where, const std::vector<SqlValue>& values) {
  const Statement statement = prepare("SELECT * FROM components" + where + kInOrder, values);
  std::vector<Component> found;
  while (sqlite3_step(statement.get()) == SQLITE_ROW) {
    Component component{.id = {}, .created_at = std::nullopt};
    for_each_column(component, [&](Column column, auto& value) {
      read(statement.get(), static_cast<int>(column) - 1, value);
    });
    found.push_back(std::move(component));
  }
  return found;
}

std::vector<Drawing> SqliteOracle::drawings() {
  const Statement statement = prepare("SELECT id, name FROM drawings ORDER BY id", {});
  std::vector<Drawing> found;
  while (sqlite3_step(statement.get()) == SQLITE_ROW) {
    Drawing drawing{.id = {}, .name = {}};
    read(statement.get(), 0, drawing.id);
    read(statement.get(), 1, drawing.name);
    found.push_back(std::move(drawing));
  }
  return found;
}

// A line is read as a whole before the store sees its row.
SqliteOracle::Refused SqliteOracle::check_input(const Operation& operation) {
  if (options_.through == Through::exec) {
    for (const Member& member : operation.members) {
      if (member.error) return input_error(*member.error, member.name);
    }
  }
  for (const Member& member : operation.members) {
    const bool is_instance =
        member.name == "instance_identifier" && operation.columns.instance_identifier.value();
    if (options_.format == 1 && is_instance)
      return input_error(ErrorCode::invalid_text_representation, member.name);
    if (member.error) return input_error(*member.error, member.name);
  }
  return check_lengths(operation.columns);
}

SqliteOracle::Refused SqliteOracle::check_lengths(const ComponentColumns& columns) {
  std::string sql_text = "SELECT CASE";
  std::vector<SqlValue> texts;
  for_each_column(columns, [&]<class T>(Column column, const ColumnValue<T>& value) {
    const ColumnInfo& info = info_of(column);
    if (info.max_code_points == 0 || !value.value()) return;
    texts.push_back(sql(value.value()));
    sql_text += " WHEN length(?) > " + std::to_string(info.max_code_points) + " THEN '" +
                std::string(info.name) + "'";
  });
  if (texts.empty()) return std::nullopt;
  const Statement statement = prepare(sql_text + " END", texts);
  sqlite3_step(statement.get());
  std::optional<std::string> column;
  read(statement.get(), 0, column);
  if (!column) return std::nullopt;
  return input_error(ErrorCode::string_data_right_truncation, *column);
}

SqliteOracle::Refused SqliteOracle::insert_row(const ComponentColumns& columns) {
  std::string names;
  std::string marks;
  std::vector<SqlValue> values;
  for_each_column(columns, [&](Column column, const auto& value) {
    if (!value.is_given()) return;
    names += (names.empty() ? "" : ", ") + std::string(info_of(column).name);
    marks += (marks.empty() ? "" : ", ") + placeholder(column);
    values.push_back(sql(value.value()));
  });
  const std::string sql_text = values.empty()
                                   ? "INSERT INTO components DEFAULT VALUES"
                                   : "INSERT INTO components (" + names + ") VALUES (" + marks + ")";
  return change(sql_text, values, sql(columns.id.value()));
}

SqliteOracle::Refused SqliteOracle::update_row(const Uuid& id, const ComponentColumns& columns, bool& found) {
  std::string assignments;
  std::vector<SqlValue> values;
  for_each_column(columns, [&](Column column, const auto& value) {
    if (!value.is_given()) return;
    assignments += std::string(info_of(column).name) + " = " + placeholder(column) + ", ";
    values.push_back(sql(value.value()));
  });
  assignments += columns.updated_at.is_given() ? "id = id" : "updated_at = now_microseconds()";
  if (columns.updated_at.is_given()) assignments.erase(assignments.size() - std::strlen(", id = id"));
  values.push_back(sql(id));
  found = exists(sql(id));
  return change("UPDATE components SET " + assignments + " WHERE id = ?", values, sql(columns.id.value()),
                sql(id));
}

std::optional<Uuid> SqliteOracle::row_in_the_way(const ComponentColumns& columns) {
  if (columns.id.value() && exists(sql(*columns.id.value()))) return columns.id.value();
  const auto same_key = rows(" WHERE drawing_id IS ? AND piece_mark IS ? AND instance_identifier IS ?",
                             {sql(columns.drawing_id.value()), sql(columns.piece_mark.value()),
                              sql(columns.instance_identifier.value())});
  return same_key.empty() ? std::nullopt : std::optional(same_key.front().id);
}

std::string SqliteOracle::insert_drawing(const Operation& operation) {
  if (const auto refused = check_input(operation)) return answer_error(*refused);
  const Statement statement =
      prepare("INSERT INTO drawings (id, name) VALUES (?, ?)",
              {sql(operation.drawing.id.value()), sql(operation.drawing.name.value())});
  if (sqlite3_step(statement.get()) == SQLITE_DONE) return answer_id(*operation.drawing.id.value());
  return answer_refused_drawing();
}

std::string SqliteOracle::update_drawing(const Operation& operation) {
  if (const auto refused = check_input(operation)) return answer_error(*refused);
  const DrawingColumns& set = operation.drawing;
  const Statement statement =
      prepare("UPDATE drawings SET id = iif(?, ?, id), name = iif(?, ?, name) WHERE id = ?",
              {std::int64_t{set.id.is_given()}, sql(set.id.value()), std::int64_t{set.name.is_given()},
               sql(set.name.value()), sql(operation.id)});
  if (sqlite3_step(statement.get()) != SQLITE_DONE) return answer_refused_drawing();
  return answer_count("updated", static_cast<std::uint64_t>(sqlite3_changes(database_.get())));
}

std::string SqliteOracle::answer_refused_drawing() {
  switch (sqlite3_extended_errcode(database_.get())) {
    case SQLITE_CONSTRAINT_NOTNULL:
      return answer_error(ErrorCode::not_null_violation, {}, "id");
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return answer_error(ErrorCode::foreign_key_violation, "components_drawing_id_fkey", "id");
    default:
      return answer_error(ErrorCode::unique_violation, "drawings_pkey", {});
  }
}

std::string SqliteOracle::insert(const Operation& operation) {
  auto refused = check_input(operation);
  if (!refused) refused = insert_row(operation.columns);
  // An id that the store generated has become part of the operation.
  return refused ? answer_error(*refused) : answer_id(operation.columns.id.value().value_or(Uuid{}));
}

// NULLs are first in SQLite's order.
bool SqliteOracle::is_newer(const Operation& operation, const Uuid& than) {
  const Statement statement = prepare(
      "SELECT ifnull(?, -9223372036854775808) > ifnull(updated_at, -9223372036854775808) FROM components "
      "WHERE id = ?",
      {sql(operation.columns.updated_at.value()), sql(than)});
  return sqlite3_step(statement.get()) == SQLITE_ROW && sqlite3_column_int(statement.get(), 0) != 0;
}

std::string SqliteOracle::upsert(const Operation& operation) {
  using Outcome = Upserted::Outcome;
  auto refused = check_input(operation);
  if (!refused) refused = insert_row(operation.columns);
  if (!refused) return answer_outcome({Outcome::inserted, operation.columns.id.value().value_or(Uuid{})});
  if (refused->code != ErrorCode::unique_violation || operation.on_conflict == OnConflict::fail)
    return answer_error(*refused);
  const Uuid existing = row_in_the_way(operation.columns).value_or(Uuid{});
  if (operation.on_conflict == OnConflict::skip ||
      (operation.on_conflict == OnConflict::newer && !is_newer(operation, existing)))
    return answer_outcome({Outcome::skipped, existing});
  ComponentColumns changes = operation.columns;
  changes.id = {};
  bool found = false;
  refused = update_row(existing, changes, found);
  return refused ? answer_error(*refused) : answer_outcome({Outcome::updated, existing});
}

std::string SqliteOracle::update(const Operation& operation) {
  auto refused = check_input(operation);
  bool found = false;
  if (!refused && operation.id) refused = update_row(*operation.id, operation.columns, found);
  return refused ? answer_error(*refused) : answer_count("updated", found ? 1 : 0);
}

std::string SqliteOracle::erase(const char* table, const std::optional<Uuid>& id) {
  const Statement statement = prepare(std::string("DELETE FROM ") + table + " WHERE id = ?", {sql(id)});
  sqlite3_step(statement.get());
  return answer_count("deleted", static_cast<std::uint64_t>(sqlite3_changes(database_.get())));
}

std::string SqliteOracle::find(const Operation& operation) {
  std::string where = " WHERE drawing_id IS ? AND piece_mark = ?";
  std::vector<SqlValue> values{sql(operation.drawing_id), operation.piece_mark};
  if (operation.wanted != Wanted::all_instances) {
    where += " AND instance_identifier IS ?";
    const bool is_null = operation.wanted == Wanted::without_instance;
    values.push_back(is_null ? SqlValue{} : operation.instance_identifier);
  }
  return answer_rows(rows(where, values), options_.doubles);
}

std::string SqliteOracle::answer(const Operation& operation) {
  const auto end = [&](const char* how) {
    if (!in_transaction_) return answer_error(ErrorCode::invalid_text_representation, {}, {});
    in_transaction_ = false;
    execute(how);
    return answer_ok();
  };
  switch (operation.verb) {
    case Verb::begin:
      if (std::exchange(in_transaction_, true))
        return answer_error(ErrorCode::invalid_text_representation, {}, {});
      execute("BEGIN");
      return answer_ok();
    case Verb::commit:
      return end("COMMIT");
    case Verb::rollback:
      return end("ROLLBACK");
    case Verb::insert_drawing:
      return insert_drawing(operation);
    case Verb::update_drawing:
      return update_drawing(operation);
    case Verb::delete_drawing:
      return erase("drawings", operation.id);
    case Verb::insert:
      return insert(operation);
    case Verb::upsert:
      return upsert(operation);
    case Verb::update:
      return update(operation);
    case Verb::erase:
      return erase("components", operation.id);
    case Verb::get: {
      const auto found = rows(" WHERE id = ?", {sql(operation.id)});
      return answer_row(found.empty() ? std::nullopt : std::optional(found.front()), options_.doubles);
    }
    case Verb::find:
      return find(operation);
    case Verb::list:
      return answer_rows(rows(" WHERE drawing_id IS ?", {sql(operation.drawing_id)}), options_.doubles);
    case Verb::count:
      return answer_count("count", rows("", {}).size());
    case Verb::list_drawings:
      return answer_rows(drawings());
    case Verb::line:
      return operation.answer;
  }
  return {};
}

std::string SqliteOracle::dump() {
  std::string text;
  for (const Drawing& drawing : drawings()) text += row_text(drawing) + "\n";
  for (const Component& component : rows("", {})) text += row_text(component, options_.doubles) + "\n";
  return text;
}

}  // namespace piecemark::oracle
