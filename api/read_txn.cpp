#include "piecemark/read_txn.h"

#include <utility>

#include "index/layout.h"
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
  if (!is_at_end_) is_at_end_ = !cursor_->next(view_.row_);
}

ReadTxn::ReadTxn(std::unique_ptr<ReadTxnState> state) : state_(std::move(state)) {}
ReadTxn::ReadTxn(ReadTxn&&) noexcept = default;
ReadTxn& ReadTxn::operator=(ReadTxn&&) noexcept = default;
ReadTxn::~ReadTxn() = default;

const ReadTxnState& state_of(const ReadTxn& transaction) {
  return *transaction.state_;
}

std::optional<ComponentView> ReadTxn::get(const Uuid& id) const& {
  return view_of(state_->components->layout().get(state_->transaction, id));
}

std::optional<ComponentView> ReadTxn::find(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                           std::optional<std::string_view> instance_identifier) const& {
  return view_of(
      state_->components->layout().find(state_->transaction, drawing_id, piece_mark, instance_identifier));
}

ComponentRange ReadTxn::with_key(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                 std::optional<std::string_view> instance_identifier) const& {
  const index::Layout& layout = state_->components->layout();
  return ComponentRange(layout.with_key(state_->transaction, drawing_id, piece_mark, instance_identifier));
}

ComponentRange ReadTxn::instances(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const& {
  const index::Layout& layout = state_->components->layout();
  return ComponentRange(layout.instances(state_->transaction, drawing_id, piece_mark, Order::any));
}

ComponentRange ReadTxn::in_drawing(const std::optional<Uuid>& drawing_id) const& {
  const index::Layout& layout = state_->components->layout();
  return ComponentRange(layout.in_drawing(state_->transaction, drawing_id, Order::any));
}

ComponentRange ReadTxn::scan() const& {
  return ComponentRange(state_->components->layout().scan(state_->transaction));
}

ComponentRange ReadTxn::sorted() const& {
  return ComponentRange(state_->components->layout().all_by_key(state_->transaction));
}

ComponentRange ReadTxn::sorted(const std::optional<Uuid>& drawing_id) const& {
  const index::Layout& layout = state_->components->layout();
  return ComponentRange(layout.in_drawing(state_->transaction, drawing_id, Order::by_key));
}

ComponentRange ReadTxn::sorted(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const& {
  const index::Layout& layout = state_->components->layout();
  return ComponentRange(layout.instances(state_->transaction, drawing_id, piece_mark, Order::by_key));
}

std::optional<Drawing> ReadTxn::drawing(const Uuid& id) const {
  return state_->components->drawings().get(state_->transaction, id);
}

std::vector<Drawing> ReadTxn::drawings() const {
  std::vector<Drawing> drawings;
  state_->components->drawings().for_each(state_->transaction,
                                          [&](const Drawing& drawing) { drawings.push_back(drawing); });
  return drawings;
}

std::uint64_t ReadTxn::component_count() const {
  return state_->components->layout().count(state_->transaction);
}
std::uint64_t ReadTxn::drawing_count() const {
  return state_->components->drawings().count(state_->transaction);
}

std::string ReadTxn::next_instance_identifier(const std::optional<Uuid>& drawing_id,
                                              std::string_view piece_mark) const {
  return state_->components->next_instance_identifier(state_->transaction, drawing_id, piece_mark);
}

std::uint32_t ReadTxn::format() const {
  return state_->components->format().number;
}

}  // namespace piecemark
