#include "api/text/exec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/text/input.h"
#include "api/text/json_writer.h"
#include "api/text/row_binding.h"
#include "engine/shown.h"
#include "index/constraints.h"

namespace piecemark::text {
namespace {

using DrawingId = std::optional<Uuid>;

ComponentRange sorted_rows(const ReadTxn& snapshot, const DrawingId& drawing) {
  return snapshot.sorted(drawing);
}
ComponentRange sorted_rows(const ReadTxn& snapshot, const DrawingId& drawing, std::string_view mark) {
  return snapshot.sorted(drawing, mark);
}
std::vector<Component> sorted_rows(const WriteTxn& transaction, const DrawingId& drawing) {
  return transaction.in_drawing(drawing);
}
std::vector<Component> sorted_rows(const WriteTxn& transaction, const DrawingId& drawing,
                                   std::string_view mark) {
  return transaction.instances(drawing, mark);
}

using Members = std::vector<JsonMember>;
using Kind = JsonMember::Kind;

[[noreturn]] void refuse(Violation violation) {
  throw ConstraintViolation("cannot execute the operation", std::move(violation));
}

[[noreturn]] void refuse(std::string message) {
  refuse(index::input_violation(ErrorCode::invalid_text_representation, {}, std::move(message)));
}

const Members& require_object(std::variant<const Members*, Violation> read) {
  if (auto* violation = std::get_if<Violation>(&read)) refuse(std::move(*violation));
  return *std::get<const Members*>(read);
}

const JsonMember& require_member(const Members& members, std::string_view name) {
  if (const JsonMember* member = find_member(members, name)) return *member;
  refuse("the operation has no " + engine::shown(name));
}

// An id, or nullopt for null, which equals no id.
std::optional<Uuid> uuid_in(const JsonMember& member) {
  if (member.kind == Kind::null) return std::nullopt;
  if (member.kind != Kind::string || !member.is_text) refuse(std::string(member.name) + " must be a UUID");
  auto id = parse_uuid(member.name, member.text);
  if (auto* violation = std::get_if<Violation>(&id)) refuse(std::move(*violation));
  return std::get<Uuid>(id);
}

std::string_view text_in(const JsonMember& member) {
  if (member.kind != Kind::string || !member.is_text) refuse(std::string(member.name) + " must be a string");
  if (auto verdict = index::check_characters(member.name, member.text)) refuse(std::move(*verdict));
  return member.text;
}

void append_error(std::string& to, ErrorCode code, const Violation* violation, std::string_view message) {
  JsonObject answer(to);
  answer.add("ok", false);
  JsonObject error(answer.begin("error"));
  error.add("code", name_of(code));
  error.add_text_or_null("constraint", violation != nullptr ? violation->constraint : "");
  error.add_text_or_null("column", violation != nullptr ? violation->column : "");
  error.add("message", engine::escaped(message, engine::Escape::no_text));
}

}  // namespace

// One operation, from its members to its answer.
class ExecSession::Operation {
 public:
  Operation(ExecSession& session, const Members& members) : session_(session), members_(members) {}

  std::string run() {
    const std::string_view name = text_in(require_member(members_, "op"));
    for (const Entry& entry : kEntries) {
      if (entry.name != name) continue;
      for (const JsonMember& member : members_) {
        const bool is_known =
            std::find(entry.members.begin(), entry.members.end(), member.name) != entry.members.end();
        if (member.name != "op" && (!is_known || member.name.empty())) {
          refuse("the operation " + engine::shown(name) + " takes no " + engine::shown(member.name));
        }
      }
      if (session_.has_lost_transaction_) return run_in_lost_transaction(name);
      (this->*entry.run)();
      return std::move(answer_);
    }
    refuse(engine::shown(name) + " is not an operation");
  }

 private:
  // What belongs to a transaction that ended with the file is not carried out by itself.
  std::string run_in_lost_transaction(std::string_view name) {
    session_.has_lost_transaction_ = name != "commit" && name != "rollback";
    if (name == "rollback") return R"({"ok":true})";
    throw Error(ErrorCode::invalid_use,
                {"cannot execute the operation",
                 "a transaction that was rolled back, because the file was overwritten",
                 {},
                 "begin it again"});
  }

  struct Entry {
    std::string_view name;
    std::array<std::string_view, 3> members;  // what it takes besides "op"
    void (Operation::*run)();
  };
  static const std::array<Entry, 14> kEntries;

  // Runs `work` in the open transaction, or in one of its own.
  template <class Work>
  auto write(const Work& work) {
    if (session_.transaction_) return work(*session_.transaction_);
    WriteTxn transaction = session_.begin_write();
    auto result = work(transaction);
    transaction.commit();
    return result;
  }

  // Runs `work` on a snapshot, or on what the open transaction has written.
  template <class Work>
  void read(const Work& work) {
    if (session_.transaction_) {
      work(*session_.transaction_);
    } else {
      const ReadTxn snapshot = session_.store_.read();
      work(snapshot);
    }
  }

  void answer_ok() { JsonObject(answer_).add("ok", true); }
  void answer_id(const Uuid& id) { JsonObject(answer_).add("ok", true).add("id", id.to_string()); }
  void answer_count(std::string_view name, std::uint64_t count) {
    JsonObject(answer_).add("ok", true).add(name, count);
  }

  template <class Rows>
  void answer_rows(Rows&& rows) {
    JsonObject answer(answer_);
    std::string& out = answer.add("ok", true).begin("rows");
    char separator = '[';
    for (const auto& row : rows) {
      out += std::exchange(separator, ',');
      append_row(out, row);
    }
    out += separator == '[' ? "[]" : "]";
  }
  static void append_row(std::string& out, const Component& component) {
    append_json(out, row_of(component));
  }
  static void append_row(std::string& out, const ComponentView& component) {
    append_json(out, component.row());
  }
  static void append_row(std::string& out, const Drawing& drawing) { append_json(out, drawing); }

  const Members& row_members(std::string_view name) {
    const JsonMember& row = require_member(members_, name);
    if (row.kind != Kind::object) refuse("\"" + std::string(name) + "\" must be an object");
    return require_object(session_.row_reader_.read_object(row.raw));
  }

  ComponentColumns columns_in(std::string_view name) {
    ComponentColumns columns;
    if (auto verdict = bind_json(columns, row_members(name))) refuse(std::move(*verdict));
    return columns;
  }

  void begin() {
    if (session_.transaction_) refuse("a transaction is open already");
    session_.transaction_ = session_.begin_write();
    answer_ok();
  }

  void commit() {
    if (!session_.transaction_) refuse("no transaction is open");
    WriteTxn ending = std::move(*session_.transaction_);
    session_.transaction_.reset();
    ending.commit();
    answer_ok();
  }

  void rollback() {
    if (!session_.transaction_) refuse("no transaction is open");
    session_.transaction_.reset();
    answer_ok();
  }

  void insert_drawing() {
    DrawingColumns columns;
    if (auto verdict = bind_json(columns, row_members("row"))) refuse(std::move(*verdict));
    auto drawing = to_drawing(columns);
    if (auto* violation = std::get_if<Violation>(&drawing)) refuse(std::move(*violation));
    answer_id(
        write([&](WriteTxn& transaction) { return transaction.insert_drawing(std::get<Drawing>(drawing)); }));
  }

  // For update_drawing() and update(): null is the id of no row, and so is a new one; what is set is looked at all the same.
  void update_drawing() {
    const auto id = uuid_in(require_member(members_, "id"));
    DrawingColumns changes;
    if (auto verdict = bind_json(changes, row_members("set"))) refuse(std::move(*verdict));
    const Uuid drawing = id.value_or(Uuid::generate());
    answer_count(
        "updated",
        write([&](WriteTxn& transaction) { return transaction.update_drawing(drawing, changes); }) ? 1 : 0);
  }

  void delete_drawing() {
    const auto id = uuid_in(require_member(members_, "id"));
    answer_count("deleted",
                 id && write([&](WriteTxn& transaction) { return transaction.erase_drawing(*id); }) ? 1 : 0);
  }

  void insert() {
    const ComponentColumns columns = columns_in("row");
    answer_id(write([&](WriteTxn& transaction) { return transaction.insert_columns(columns); }));
  }

  void update() {
    const auto id = uuid_in(require_member(members_, "id"));
    const ComponentColumns changes = columns_in("set");
    const Uuid row = id.value_or(Uuid::generate());
    answer_count("updated",
                 write([&](WriteTxn& transaction) { return transaction.update(row, changes); }) ? 1 : 0);
  }

  void erase() {
    const auto id = uuid_in(require_member(members_, "id"));
    answer_count("deleted",
                 id && write([&](WriteTxn& transaction) { return transaction.erase(*id); }) ? 1 : 0);
  }

  void get() {
    const auto id = uuid_in(require_member(members_, "id"));
    read([&](const auto& transaction) {
      JsonObject answer(answer_);
      std::string& out = answer.add("ok", true).begin("row");
      if (const auto row = id ? transaction.get(*id) : std::nullopt) {
        append_row(out, *row);
      } else {
        out += "null";
      }
    });
  }

  void find() {
    const auto drawing = uuid_in(require_member(members_, "drawing_id"));
    const std::string_view mark = text_in(require_member(members_, "piece_mark"));
    const JsonMember* instance = find_member(members_, "instance_identifier");
    read([&](const auto& transaction) {
      if (instance == nullptr) {
        answer_rows(sorted_rows(transaction, drawing, mark));
      } else if (instance->kind == Kind::null) {
        answer_rows(transaction.with_key(drawing, mark, std::nullopt));
      } else {
        answer_rows(transaction.with_key(drawing, mark, text_in(*instance)));
      }
    });
  }

  void list() {
    const auto drawing = uuid_in(require_member(members_, "drawing_id"));
    read([&](const auto& transaction) { answer_rows(sorted_rows(transaction, drawing)); });
  }

  void count() {
    read([&](const auto& transaction) { answer_count("count", transaction.component_count()); });
  }

  void list_drawings() {
    read([&](const auto& transaction) { answer_rows(transaction.drawings()); });
  }

  ExecSession& session_;
  const Members& members_;
  std::string answer_;
};

const std::array<ExecSession::Operation::Entry, 14> ExecSession::Operation::kEntries{{
    {"begin", {}, &Operation::begin},
    {"commit", {}, &Operation::commit},
    {"rollback", {}, &Operation::rollback},
    {"insert_drawing", {"row"}, &Operation::insert_drawing},
    {"update_drawing", {"id", "set"}, &Operation::update_drawing},
    {"delete_drawing", {"id"}, &Operation::delete_drawing},
    {"insert", {"row"}, &Operation::insert},
    {"update", {"id", "set"}, &Operation::update},
    {"delete", {"id"}, &Operation::erase},
    {"get", {"id"}, &Operation::get},
    {"find", {"drawing_id", "piece_mark", "instance_identifier"}, &Operation::find},
    {"list", {"drawing_id"}, &Operation::list},
    {"count", {}, &Operation::count},
    {"list_drawings", {}, &Operation::list_drawings},
}};

std::string ExecSession::answer(std::string_view line) {
  ++answered_;
  return answer_or_refusal(line);
}

WriteTxn ExecSession::begin_write() {
  if (why_read_only_) throw *why_read_only_;
  return store_.write();
}

std::string ExecSession::answer_or_refusal(std::string_view line) {
  std::string answer;
  try {
    if (is_closed_) {
      store_ = reopen_();
      is_closed_ = false;
    }
    return Operation(*this, require_object(operation_reader_.read_object(line))).run();
  } catch (const ConstraintViolation& error) {
    append_error(answer, error.code(), &error.violation(), error.violation().message);
  } catch (const Error& error) {
    append_error(answer, error.code(), nullptr, error.facts().attempted + ": " + error.facts().found);
    if (error.code() == ErrorCode::reopen_needed && reopen_) close();
  }
  ++refused_;
  return answer;
}

// The file is what it is now: a transaction that was begun before is over.
void ExecSession::close() {
  has_lost_transaction_ = transaction_.has_value();
  transaction_.reset();
  static_cast<void>(Store(std::move(store_)));
  is_closed_ = true;
}

std::string ExecSession::answer_to_long_line() {
  ++answered_;
  ++refused_;
  std::string answer;
  append_error(answer, ErrorCode::invalid_text_representation, nullptr,
               "a line longer than " + std::to_string(kLineBytesMax) + " bytes");
  return answer;
}

}  // namespace piecemark::text
