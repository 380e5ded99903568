#include "tests/oracle/subject.h"

#include <utility>
#include <variant>
#include <vector>

namespace piecemark::oracle {
namespace {

std::vector<Component> copies_of(std::vector<Component> components) {
  return components;
}
std::vector<Component> copies_of(ComponentRange range) {
  std::vector<Component> components;
  for (const ComponentView& view : range) components.push_back(view.to_component());
  return components;
}

std::optional<Component> copy_of(std::optional<Component> component) {
  return component;
}
std::optional<Component> copy_of(const std::optional<ComponentView>& view) {
  return view ? std::optional(view->to_component()) : std::nullopt;
}

// The columns as a row that leaves out what is not given.
Component to_row(const ComponentColumns& columns) {
  Component row;
  const auto set = [](auto& to, const auto& from) {
    if (from.is_given()) to = from.value();
  };
  if (columns.id.value()) row.id = *columns.id.value();
  if (columns.piece_mark.value()) row.piece_mark = *columns.piece_mark.value();
  set(row.drawing_id, columns.drawing_id);
  set(row.instance_identifier, columns.instance_identifier);
  set(row.component_type, columns.component_type);
  set(row.quantity, columns.quantity);
  set(row.material_type, columns.material_type);
  set(row.location_x, columns.location_x);
  set(row.location_y, columns.location_y);
  set(row.bounding_box, columns.bounding_box);
  set(row.confidence_score, columns.confidence_score);
  set(row.review_status, columns.review_status);
  set(row.created_at, columns.created_at);
  set(row.updated_at, columns.updated_at);
  return row;
}

}  // namespace

std::string without_message(std::string answer) {
  constexpr std::string_view kMessage = R"(,"message":")";
  if (answer.starts_with(R"({"ok":false)")) {
    if (const auto at = answer.find(kMessage); at != std::string::npos) answer = answer.substr(0, at) + "}}";
  }
  return answer;
}

std::string ApiSubject::answer(const Operation& operation) {
  try {
    return perform(operation);
  } catch (const ConstraintViolation& error) {
    return answer_error(error.violation());
  } catch (const Error& error) {
    return error.what();
  }
}

std::string ApiSubject::perform(const Operation& operation) {
  switch (operation.verb) {
    case Verb::begin:
      transaction_ = store_.write();
      return answer_ok();
    case Verb::commit:
      std::exchange(transaction_, std::nullopt)->commit();
      return answer_ok();
    case Verb::rollback:
      std::exchange(transaction_, std::nullopt)->rollback();
      return answer_ok();
    case Verb::insert_drawing:
    case Verb::update_drawing:
    case Verb::delete_drawing:
    case Verb::insert:
    case Verb::upsert:
    case Verb::update:
    case Verb::erase: {
      if (transaction_) return write(operation, *transaction_);
      WriteTxn transaction = store_.write();
      std::string answer = write(operation, transaction);
      transaction.commit();
      return answer;
    }
    default: {
      if (transaction_) return read(operation, *transaction_);
      const ReadTxn snapshot = store_.read();
      return read(operation, snapshot);
    }
  }
}

std::string ApiSubject::write(const Operation& operation, WriteTxn& transaction) {
  switch (operation.verb) {
    case Verb::insert_drawing:
      return answer_id(transaction.insert_drawing(
          {.id = *operation.drawing.id.value(), .name = operation.drawing.name.value()}));
    case Verb::update_drawing:
      return answer_count("updated", transaction.update_drawing(*operation.id, operation.drawing) ? 1 : 0);
    case Verb::delete_drawing:
      return answer_count("deleted", transaction.erase_drawing(*operation.id) ? 1 : 0);
    case Verb::insert:
      return insert(operation, transaction);
    case Verb::upsert:
      return answer_outcome(transaction.upsert(operation.columns, operation.on_conflict));
    case Verb::update:
      return answer_count("updated", transaction.update(*operation.id, operation.columns) ? 1 : 0);
    default:
      return answer_count("deleted", transaction.erase(*operation.id) ? 1 : 0);
  }
}

// The three ways to insert take turns.
std::string ApiSubject::insert(const Operation& operation, WriteTxn& transaction) {
  const ComponentColumns& columns = operation.columns;
  // A Component cannot say NULL for what must not be NULL.
  const unsigned way = columns.piece_mark.value() && !columns.id.is_null() ? inserts_++ % 3 : 0;
  if (way == 0) return answer_id(transaction.insert_columns(columns));
  const Component row = to_row(columns);
  if (way == 1) return answer_id(transaction.insert(row));
  const auto inserted = transaction.try_insert(row);
  if (const auto* violation = std::get_if<Violation>(&inserted)) return answer_error(*violation);
  return answer_id(std::get<Uuid>(inserted));
}

template <class Transaction>
std::string ApiSubject::read(const Operation& operation, const Transaction& transaction) {
  const auto rows = [](auto&& found) {
    return answer_rows(copies_of(std::forward<decltype(found)>(found)), Doubles::bits);
  };
  switch (operation.verb) {
    case Verb::get:
      return answer_row(copy_of(transaction.get(*operation.id)), Doubles::bits);
    case Verb::find: {
      if (operation.wanted == Wanted::all_instances) {
        return rows(transaction.instances(operation.drawing_id, operation.piece_mark));
      }
      std::optional<std::string_view> instance;
      if (operation.wanted == Wanted::one_instance) instance = operation.instance_identifier;
      auto found = copies_of(transaction.with_key(operation.drawing_id, operation.piece_mark, instance));
      // find() gives the first of them.
      const auto first = copy_of(transaction.find(operation.drawing_id, operation.piece_mark, instance));
      if (first.has_value() == found.empty() || (first && first->id != found.front().id)) {
        return "find() and with_key() differ";
      }
      return rows(std::move(found));
    }
    case Verb::list:
      return rows(transaction.in_drawing(operation.drawing_id));
    case Verb::count:
      return answer_count("count", transaction.component_count());
    default:
      return answer_rows(transaction.drawings());
  }
}

std::string dump(const Store& store, Doubles doubles) {
  const ReadTxn snapshot = store.read();
  std::string text;
  for (const Drawing& drawing : snapshot.drawings()) text += row_text(drawing) + "\n";
  for (const ComponentView& component : snapshot.sorted())
    text += row_text(component.to_component(), doubles) + "\n";
  return text;
}

}  // namespace piecemark::oracle
