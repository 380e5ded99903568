#include "piecemark/write_txn.h"

#include <utility>

#include "engine/shown.h"
#include "migration/proven.h"
#include "store_core.h"

namespace piecemark {
namespace {

constexpr auto kSorted = index::Layout::Order::by_key;

std::optional<Component> copy_of(const std::optional<ComponentRow>& row) {
  return row ? std::optional(to_component(*row)) : std::nullopt;
}

std::vector<Component> copies_of(const std::unique_ptr<index::RowCursor>& rows) {
  std::vector<Component> components;
  for (ComponentRow row; rows->next(row);) components.push_back(to_component(row));
  return components;
}

std::string inserting(std::string_view piece_mark) {
  return "cannot insert component " + engine::shown(piece_mark);
}

}  // namespace

index::ComponentWriter& WriteTxnState::changing() {
  transaction.require_open();
  return writer;
}

const engine::WriteTransaction& WriteTxnState::reading() {
  transaction.require_open();
  writer.flush();
  return transaction;
}

WriteTxn::WriteTxn(std::unique_ptr<WriteTxnState> state) : state_(std::move(state)) {}
WriteTxn::WriteTxn(WriteTxn&&) noexcept = default;
WriteTxn& WriteTxn::operator=(WriteTxn&&) noexcept = default;
WriteTxn::~WriteTxn() = default;

WriteTxnState& WriteTxn::state() const {
  if (!state_) {
    throw Error(ErrorCode::invalid_use, {"cannot use a write transaction",
                                         "one that was committed, rolled back or moved from",
                                         {},
                                         "begin a new one"});
  }
  return *state_;
}

Uuid WriteTxn::insert(const Component& component) {
  auto inserted = try_insert(component);
  if (auto* violation = std::get_if<Violation>(&inserted)) {
    throw ConstraintViolation(inserting(component.piece_mark), std::move(*violation));
  }
  return component.id;
}

std::variant<Uuid, Violation> WriteTxn::try_insert(const Component& component) {
  WriteTxnState& in = state();
  auto violation = in.changing().insert({row_of(component)});
  if (!violation) return component.id;
  if (violation->code == ErrorCode::unique_violation) return std::move(*violation);
  throw ConstraintViolation(inserting(component.piece_mark), std::move(*violation));
}

Uuid WriteTxn::insert_columns(const ComponentColumns& columns) {
  return upsert(columns, OnConflict::fail).id;
}

Upserted WriteTxn::upsert(const ComponentColumns& columns, OnConflict on_conflict) {
  WriteTxnState& in = state();
  auto result = in.changing().upsert(columns, on_conflict, in.now);
  if (auto* violation = std::get_if<Violation>(&result)) {
    throw ConstraintViolation(inserting(columns.piece_mark.value().value_or("")), std::move(*violation));
  }
  return std::get<Upserted>(result);
}

bool WriteTxn::update(const Uuid& id, const ComponentColumns& changes) {
  WriteTxnState& in = state();
  auto result = in.changing().update(id, changes, in.now);
  if (auto* violation = std::get_if<Violation>(&result)) {
    throw ConstraintViolation("cannot update component " + id.to_string(), std::move(*violation));
  }
  return std::get<bool>(result);
}

bool WriteTxn::erase(const Uuid& id) {
  return state().changing().erase(id);
}

Uuid WriteTxn::insert_drawing(const Drawing& drawing) {
  if (auto violation = state().changing().insert_drawing(drawing)) {
    throw ConstraintViolation("cannot insert drawing " + drawing.id.to_string(), std::move(*violation));
  }
  return drawing.id;
}

bool WriteTxn::update_drawing(const Uuid& id, const DrawingColumns& changes) {
  auto result = state().changing().update_drawing(id, changes);
  if (auto* violation = std::get_if<Violation>(&result)) {
    throw ConstraintViolation("cannot update drawing " + id.to_string(), std::move(*violation));
  }
  return std::get<bool>(result);
}

bool WriteTxn::erase_drawing(const Uuid& id) {
  return state().changing().erase_drawing(id);
}

std::optional<Component> WriteTxn::get(const Uuid& id) const {
  return copy_of(state().components->layout().get(state().reading(), id));
}

std::optional<Component> WriteTxn::find(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                        std::optional<std::string_view> instance_identifier) const {
  return copy_of(
      state().components->layout().find(state().reading(), drawing_id, piece_mark, instance_identifier));
}

std::vector<Component> WriteTxn::with_key(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                          std::optional<std::string_view> instance_identifier) const {
  return copies_of(
      state().components->layout().with_key(state().reading(), drawing_id, piece_mark, instance_identifier));
}

std::vector<Component> WriteTxn::instances(const std::optional<Uuid>& drawing_id,
                                           std::string_view piece_mark) const {
  return copies_of(
      state().components->layout().instances(state().reading(), drawing_id, piece_mark, kSorted));
}

std::vector<Component> WriteTxn::in_drawing(const std::optional<Uuid>& drawing_id) const {
  return copies_of(state().components->layout().in_drawing(state().reading(), drawing_id, kSorted));
}

std::optional<Drawing> WriteTxn::drawing(const Uuid& id) const {
  return state().components->drawings().get(state().reading(), id);
}

std::vector<Drawing> WriteTxn::drawings() const {
  std::vector<Drawing> drawings;
  state().components->drawings().for_each(state().reading(),
                                          [&](const Drawing& drawing) { drawings.push_back(drawing); });
  return drawings;
}

std::uint64_t WriteTxn::component_count() const {
  return state().components->layout().count(state().reading());
}
std::uint64_t WriteTxn::drawing_count() const {
  return state().components->drawings().count(state().reading());
}

std::string WriteTxn::next_instance_identifier(const std::optional<Uuid>& drawing_id,
                                               std::string_view piece_mark) const {
  return state().components->next_instance_identifier(state().reading(), drawing_id, piece_mark);
}

WriteTxn transaction_of(std::unique_ptr<WriteTxnState> state) {
  return WriteTxn(std::move(state));
}

WriteTxnState& state_of(WriteTxn& transaction) {
  return transaction.state();
}

void WriteTxn::require_own_end() const {
  if (!state().ends_with_call) return;
  throw Error(ErrorCode::invalid_use,
              {"cannot end a write transaction",
               "one that ends with the call that it was made for",
               {},
               "return from the function to have it committed, throw from it to undo it"});
}

void WriteTxn::commit() {
  require_own_end();
  const std::unique_ptr<WriteTxnState> ending = std::move(state_);
  ending->transaction.require_open();
  ending->writer.flush();
  if (ending->writer.has_changes()) migration::forget_proven(ending->transaction);
  ending->transaction.commit(ending->core->options().durability);
}

void WriteTxn::rollback() {
  require_own_end();
  state_.reset();
}

}  // namespace piecemark
