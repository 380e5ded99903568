#include "components.h"

#include <charconv>
#include <set>

#include "ordered.h"

namespace piecemark::index {
namespace {

std::string quoted(const std::optional<std::string_view>& text) {
  return text ? "\"" + std::string(*text) + "\"" : "NULL";
}

// Lays the given columns over a component.
Component applied(Component component, const ComponentColumns& columns) {
  const auto set = [](auto& to, const auto& from) {
    if (!from.is_given()) return;
    if constexpr (std::is_assignable_v<decltype(to), decltype(from.value())>) {
      to = from.value();
    } else if (from.value()) {
      to = *from.value();  // NOT NULL columns; that NULL was given is for check_not_null to say.
    }
  };
  set(component.id, columns.id);
  set(component.drawing_id, columns.drawing_id);
  set(component.piece_mark, columns.piece_mark);
  set(component.instance_identifier, columns.instance_identifier);
  set(component.component_type, columns.component_type);
  set(component.quantity, columns.quantity);
  set(component.material_type, columns.material_type);
  set(component.location_x, columns.location_x);
  set(component.location_y, columns.location_y);
  set(component.bounding_box, columns.bounding_box);
  set(component.confidence_score, columns.confidence_score);
  set(component.review_status, columns.review_status);
  set(component.created_at, columns.created_at);
  set(component.updated_at, columns.updated_at);
  return component;
}

}  // namespace

Components::Components(const Format& format, bool nulls_not_distinct, const engine::Environment& environment)
    : format_(&format),
      nulls_not_distinct_(nulls_not_distinct),
      layout_(std::make_unique<OrderedLayout>(format, nulls_not_distinct, table(environment, format.rows),
                                              table(environment, format.unique))),
      drawings_(table(environment, TableId::drawings)) {}

Violation Components::violation_of(const Conflict& conflict, const ComponentRow& row) const {
  if (conflict.on == Conflict::On::id) {
    return {ErrorCode::unique_violation,
            "components_pkey",
            {},
            "a component with id " + row.id.to_string() + " is there already",
            conflict.existing,
            "give the row another id, or update the row that is there"};
  }
  std::string key = "drawing_id " + (row.drawing_id ? row.drawing_id->to_string() : "NULL") +
                    ", piece_mark " + quoted(row.piece_mark);
  if (format_->has(Column::instance_identifier))
    key += ", instance_identifier " + quoted(row.instance_identifier);
  return {ErrorCode::unique_violation,
          std::string(format_->unique_constraint),
          {},
          "component " + conflict.existing.to_string() + " has " + key + " already",
          conflict.existing,
          format_->has(Column::instance_identifier)
              ? "give the row another instance_identifier, or update the row that is there"
              : "upgrade the file, so that instances are told apart by instance_identifier"};
}

// The drawing is looked at before the row is stored, but its violation comes last. A drawing that does not
// exist has no components, so that only the id can be taken.
Verdict Components::check_drawing(const engine::WriteTransaction& transaction,
                                  const ComponentRow& row) const {
  if (!row.drawing_id || drawings_.contains(transaction, *row.drawing_id)) return std::nullopt;
  return Violation{ErrorCode::foreign_key_violation,
                   "components_drawing_id_fkey",
                   "drawing_id",
                   "drawing " + row.drawing_id->to_string() + " is not there",
                   {},
                   "insert the drawing first"};
}

Verdict Components::insert(engine::WriteTransaction& transaction, IncomingRow incoming) const {
  std::string json;
  ComponentRow& row = incoming.row;
  if (auto verdict = check_input(*format_, row, json)) return verdict;
  if (auto verdict = check_not_null(incoming)) return verdict;
  if (auto verdict = check_values(row)) return verdict;
  if (auto verdict = check_drawing(transaction, row)) {
    if (layout_->get(transaction, row.id)) return violation_of({Conflict::On::id, row.id}, row);
    return verdict;
  }
  if (const auto conflict = layout_->insert(transaction, row)) return violation_of(*conflict, row);
  return std::nullopt;
}

std::variant<Upserted, Violation> Components::upsert(engine::WriteTransaction& transaction,
                                                     const ComponentColumns& columns, OnConflict on_conflict,
                                                     Timestamp now) const {
  Component defaults{
      .id = columns.id.is_given() ? Uuid{} : Uuid::generate(), .created_at = now, .updated_at = now};
  const Component component = applied(std::move(defaults), columns);
  auto violation =
      insert(transaction, {row_of(component), columns.id.is_null(), !columns.piece_mark.value()});
  if (!violation) return Upserted{Upserted::Outcome::inserted, component.id};
  if (violation->code != ErrorCode::unique_violation || on_conflict == OnConflict::fail)
    return std::move(*violation);
  const Uuid existing = *violation->existing;
  if (on_conflict == OnConflict::skip) return Upserted{Upserted::Outcome::skipped, existing};
  // The row that is there keeps its id.
  ComponentColumns changes = columns;
  changes.id = {};
  auto updated = update(transaction, existing, changes, now);
  if (auto* refused = std::get_if<Violation>(&updated)) return std::move(*refused);
  return Upserted{Upserted::Outcome::updated, existing};
}

std::variant<bool, Violation> Components::update(engine::WriteTransaction& transaction, const Uuid& id,
                                                 const ComponentColumns& changes, Timestamp now) const {
  if (auto verdict = check_input(*format_, changes)) return std::move(*verdict);
  const auto stored = layout_->get(transaction, id);
  if (!stored) return false;
  if (auto verdict = check_not_null(changes)) return std::move(*verdict);

  const Component before = to_component(*stored);
  Component after = applied(before, changes);
  if (!changes.updated_at.is_given()) after.updated_at = now;
  std::string json;
  ComponentRow row = row_of(after);
  if (auto verdict = check_input(*format_, row, json)) return std::move(*verdict);
  if (auto verdict = check_values(row)) return std::move(*verdict);
  if (auto verdict = check_drawing(transaction, row)) {
    if (row.id != id && layout_->get(transaction, row.id))
      return violation_of({Conflict::On::id, row.id}, row);
    return std::move(*verdict);
  }
  if (const auto conflict = layout_->replace(transaction, row_of(before), row))
    return violation_of(*conflict, row);
  return true;
}

bool Components::erase(engine::WriteTransaction& transaction, const Uuid& id) const {
  const auto stored = layout_->get(transaction, id);
  if (!stored) return false;
  const Component component = to_component(*stored);
  layout_->erase(transaction, row_of(component));
  return true;
}

std::string Components::next_instance_identifier(const engine::ReadTransaction& transaction,
                                                 const DrawingKey& drawing,
                                                 std::string_view piece_mark) const {
  std::set<std::uint64_t> used;
  const auto rows = layout_->instances(transaction, drawing, piece_mark);
  for (ComponentRow row; rows->next(row);) {
    if (!row.instance_identifier || row.instance_identifier->starts_with('0'))
      continue;  // "01" is not the number 1.
    const char* const end = row.instance_identifier->data() + row.instance_identifier->size();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(row.instance_identifier->data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) used.insert(number);
  }
  std::uint64_t next = 1;
  while (used.contains(next)) ++next;
  return std::to_string(next);
}

Verdict Components::insert_drawing(engine::WriteTransaction& transaction, const Drawing& drawing) const {
  if (auto verdict = check_input(drawing)) return verdict;
  if (drawings_.insert(transaction, drawing)) return std::nullopt;
  return Violation{ErrorCode::unique_violation,
                   "drawings_pkey",
                   {},
                   "a drawing with id " + drawing.id.to_string() + " is there already",
                   drawing.id,
                   "give the drawing another id"};
}

bool Components::erase_drawing(engine::WriteTransaction& transaction, const Uuid& id) const {
  if (!drawings_.contains(transaction, id)) return false;
  layout_->erase_drawing(transaction, id);  // First: damage that stops it leaves everything in place.
  return drawings_.erase(transaction, id);
}

}  // namespace piecemark::index
