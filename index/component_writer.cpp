#include "component_writer.h"

#include "engine/shown.h"

namespace piecemark::index {
namespace {

std::string quoted_or_null(const std::optional<std::string_view>& text) {
  return text ? engine::shown(*text) : "NULL";
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

Violation taken(const Uuid& drawing) {
  return {ErrorCode::unique_violation,
          "drawings_pkey",
          {},
          "a drawing with id " + drawing.to_string() + " is there already",
          drawing,
          "give the drawing another id"};
}

}  // namespace

std::optional<ComponentRow> ComponentWriter::get(const Uuid& id) {
  flush();
  return components_.layout().get(transaction_, id);
}

Violation ComponentWriter::violation_of(const Conflict& conflict, const ComponentRow& row) const {
  if (conflict.on == Conflict::On::id) {
    return {ErrorCode::unique_violation,
            "components_pkey",
            {},
            "a component with id " + row.id.to_string() + " is there already",
            conflict.existing,
            "give the row another id, or update the row that is there"};
  }
  std::string key = "drawing_id " + (row.drawing_id ? row.drawing_id->to_string() : "NULL") +
                    ", piece_mark " + quoted_or_null(row.piece_mark);
  if (format().has(Column::instance_identifier))
    key += ", instance_identifier " + quoted_or_null(row.instance_identifier);
  return {ErrorCode::unique_violation,
          std::string(format().unique_constraint),
          {},
          "component " + conflict.existing.to_string() + " has " + key + " already",
          conflict.existing,
          format().has(Column::instance_identifier)
              ? "give the row another instance_identifier, or update the row that is there"
              : "upgrade the file, so that instances are told apart by instance_identifier"};
}

// The drawing is looked at before the row is stored, but its violation comes last. A drawing that does not
// exist has no components, so that only the id can be taken.
Verdict ComponentWriter::check_drawing(const ComponentRow& row) {
  if (!row.drawing_id || row.drawing_id == last_drawing_found_) return std::nullopt;
  if (components_.drawings().contains(transaction_, *row.drawing_id)) {
    last_drawing_found_ = row.drawing_id;
    return std::nullopt;
  }
  return Violation{ErrorCode::foreign_key_violation,
                   "components_drawing_id_fkey",
                   "drawing_id",
                   "drawing " + row.drawing_id->to_string() + " is not there",
                   {},
                   "insert the drawing first"};
}

Verdict ComponentWriter::insert(IncomingRow incoming) {
  std::string json;
  ComponentRow& row = incoming.row;
  if (auto verdict = check_input(format(), row, json)) return verdict;
  if (auto verdict = check_not_null(incoming)) return verdict;
  if (auto verdict = check_values(row)) return verdict;
  if (auto verdict = check_drawing(row)) {
    if (get(row.id)) return violation_of({Conflict::On::id, row.id}, row);
    return verdict;
  }
  if (const auto conflict = rows_->insert(row)) return violation_of(*conflict, row);
  has_changes_ = true;
  return std::nullopt;
}

std::variant<Upserted, Violation> ComponentWriter::upsert(const ComponentColumns& columns,
                                                          OnConflict on_conflict, Timestamp now) {
  Component defaults{
      .id = columns.id.is_given() ? Uuid{} : Uuid::generate(), .created_at = now, .updated_at = now};
  const Component component = applied(std::move(defaults), columns);
  auto violation = insert({row_of(component), columns.id.is_null(), !columns.piece_mark.value()});
  if (!violation) return Upserted{Upserted::Outcome::inserted, component.id};
  if (violation->code != ErrorCode::unique_violation || on_conflict == OnConflict::fail)
    return std::move(*violation);
  const Uuid existing = *violation->existing;
  if (on_conflict == OnConflict::skip ||
      (on_conflict == OnConflict::newer && get(existing)->updated_at >= component.updated_at))
    return Upserted{Upserted::Outcome::skipped, existing};
  // The row that is there keeps its id.
  ComponentColumns changes = columns;
  changes.id = {};
  auto updated = update(existing, changes, now);
  if (auto* refused = std::get_if<Violation>(&updated)) return std::move(*refused);
  return Upserted{Upserted::Outcome::updated, existing};
}

std::variant<bool, Violation> ComponentWriter::update(const Uuid& id, const ComponentColumns& changes,
                                                      Timestamp now) {
  if (auto verdict = check_input(format(), changes)) return std::move(*verdict);
  const auto stored = get(id);
  if (!stored) return false;
  if (auto verdict = check_not_null(changes)) return std::move(*verdict);

  const Component before = to_component(*stored);
  Component after = applied(before, changes);
  if (!changes.updated_at.is_given()) after.updated_at = now;
  std::string json;
  ComponentRow row = row_of(after);
  if (auto verdict = check_input(format(), row, json)) return std::move(*verdict);
  if (auto verdict = check_values(row)) return std::move(*verdict);
  if (auto verdict = check_drawing(row)) {
    if (row.id != id && get(row.id)) return violation_of({Conflict::On::id, row.id}, row);
    return std::move(*verdict);
  }
  if (const auto conflict = rows_->replace(row_of(before), row)) return violation_of(*conflict, row);
  has_changes_ = true;
  return true;
}

bool ComponentWriter::erase(const Uuid& id) {
  const auto stored = get(id);
  if (!stored) return false;
  const Component component = to_component(*stored);
  rows_->erase(row_of(component));
  has_changes_ = true;
  return true;
}

Verdict ComponentWriter::insert_drawing(const Drawing& drawing) {
  if (auto verdict = check_input(drawing)) return verdict;
  const bool is_inserted = statements_.run(
      [&](engine::Batch& batch) { return components_.drawings().plan_insert(transaction_, drawing, batch); });
  if (is_inserted) {
    has_changes_ = true;
    return std::nullopt;
  }
  return taken(drawing.id);
}

std::variant<bool, Violation> ComponentWriter::update_drawing(const Uuid& id, const DrawingColumns& changes) {
  const Drawing named{.id = id, .name = changes.name.value()};
  if (auto verdict = check_input(named)) return std::move(*verdict);
  const auto stored = components_.drawings().get(transaction_, id);
  if (!stored) return false;
  if (changes.id.is_null()) return not_null_violation("drawings", "id");
  const Drawing after{.id = changes.id.value().value_or(id),
                      .name = changes.name.is_given() ? named.name : stored->name};
  if (after.id != id) {
    if (components_.drawings().contains(transaction_, after.id)) return taken(after.id);
    if (has_components(id)) {
      return Violation{ErrorCode::foreign_key_violation,
                       "components_drawing_id_fkey",
                       "id",
                       "drawing " + id.to_string() + " has components",
                       {},
                       "leave the id as it is, or move the components to another drawing first"};
    }
    last_drawing_found_.reset();
  }
  statements_.run([&](engine::Batch& batch) { components_.drawings().plan_replace(id, after, batch); });
  has_changes_ = true;
  return true;
}

bool ComponentWriter::has_components(const Uuid& drawing) {
  flush();
  ComponentRow row;
  return components_.layout().in_drawing(transaction_, drawing, Layout::Order::any)->next(row);
}

bool ComponentWriter::erase_drawing(const Uuid& id) {
  last_drawing_found_.reset();
  const bool is_erased = statements_.run([&](engine::Batch& batch) {
    if (!components_.drawings().plan_erase(transaction_, id, batch)) return false;
    rows_->plan_erase_drawing(id, batch);
    return true;
  });
  has_changes_ = has_changes_ || is_erased;
  return is_erased;
}

}  // namespace piecemark::index
