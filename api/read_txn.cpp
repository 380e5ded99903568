#include "piecemark/read_txn.h"

#include <utility>

#include "index/layout.h"
#include "piecemark/error.h"
#include "store_core.h"

namespace piecemark {
namespace {

using Order = index::Layout::Order;

std::optional<ComponentView> view_of(const std::optional<ComponentRow>& row) {
  return row ? std::optional(ComponentView(*row)) : std::nullopt;
}

}  // namespace

ComponentRange::ComponentRange(std::unique_ptr<index::RowCursor> cursor) : cursor_(std::move(cursor)) {}
ComponentRange::ComponentRange(ComponentRange&&) noexcept = default;
ComponentRange& ComponentRange::operator=(ComponentRange&&) noexcept = default;
ComponentRange::~ComponentRange() = default;

void ComponentRange::advance() {
  if (!cursor_) {
    throw Error(ErrorCode::invalid_use, {"cannot go on through a range of components",
                                         "one that was moved from, or has ended with an error",
                                         {},
                                         "ask the snapshot for a new range"});
  }
  if (is_at_end_) return;
  try {
    is_at_end_ = !cursor_->next(view_.row_);
    is_begun_ = true;
  } catch (...) {
    cursor_.reset();  // Nobody knows which component would come next.
    throw;
  }
}

ReadTxn::ReadTxn(std::unique_ptr<ReadTxnState> state) : state_(std::move(state)) {}
ReadTxn::ReadTxn(ReadTxn&&) noexcept = default;
ReadTxn& ReadTxn::operator=(ReadTxn&&) noexcept = default;
ReadTxn::~ReadTxn() = default;

const ReadTxnState& ReadTxn::state() const {
  if (!state_) {
    throw Error(ErrorCode::invalid_use, {"cannot use a snapshot",
                                         "one that was moved from",
                                         {},
                                         "use the one it was moved to, or begin a new one"});
  }
  return *state_;
}

const ReadTxnState& state_of(const ReadTxn& transaction) {
  return transaction.state();
}

std::optional<ComponentView> ReadTxn::get(const Uuid& id) const& {
  return view_of(state().components->layout().get(state().transaction, id));
}

std::optional<ComponentView> ReadTxn::find(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                           std::optional<std::string_view> instance_identifier) const& {
  return view_of(
      state().components->layout().find(state().transaction, drawing_id, piece_mark, instance_identifier));
}

ComponentRange ReadTxn::with_key(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                 std::optional<std::string_view> instance_identifier) const& {
  const index::Layout& layout = state().components->layout();
  return ComponentRange(layout.with_key(state().transaction, drawing_id, piece_mark, instance_identifier));
}

ComponentRange ReadTxn::instances(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const& {
  const index::Layout& layout = state().components->layout();
  return ComponentRange(layout.instances(state().transaction, drawing_id, piece_mark, Order::any));
}

ComponentRange ReadTxn::in_drawing(const std::optional<Uuid>& drawing_id) const& {
  const index::Layout& layout = state().components->layout();
  return ComponentRange(layout.in_drawing(state().transaction, drawing_id, Order::any));
}

ComponentRange ReadTxn::scan() const& {
  return ComponentRange(state().components->layout().scan(state().transaction));
}

ComponentRange ReadTxn::sorted() const& {
  return ComponentRange(state().components->layout().all_by_key(state().transaction));
}

ComponentRange ReadTxn::sorted(const std::optional<Uuid>& drawing_id) const& {
  const index::Layout& layout = state().components->layout();
  return ComponentRange(layout.in_drawing(state().transaction, drawing_id, Order::by_key));
}

ComponentRange ReadTxn::sorted(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const& {
  const index::Layout& layout = state().components->layout();
  return ComponentRange(layout.instances(state().transaction, drawing_id, piece_mark, Order::by_key));
}

std::optional<Drawing> ReadTxn::drawing(const Uuid& id) const {
  return state().components->drawings().get(state().transaction, id);
}

std::vector<Drawing> ReadTxn::drawings() const {
  std::vector<Drawing> drawings;
  state().components->drawings().for_each(state().transaction,
                                          [&](const Drawing& drawing) { drawings.push_back(drawing); });
  return drawings;
}

std::uint64_t ReadTxn::component_count() const {
  return state().components->layout().count(state().transaction);
}
std::uint64_t ReadTxn::drawing_count() const {
  return state().components->drawings().count(state().transaction);
}

std::string ReadTxn::next_instance_identifier(const std::optional<Uuid>& drawing_id,
                                              std::string_view piece_mark) const {
  return state().components->next_instance_identifier(state().transaction, drawing_id, piece_mark);
}

std::uint32_t ReadTxn::format() const {
  return state().components->format().number;
}

}  // namespace piecemark
