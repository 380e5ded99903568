#include "holdings.h"

#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

#include "fingerprint.h"

namespace piecemark::migration {

ColumnsOfRun columns_of_run(const index::Format& from, const index::Format& to) {
  ColumnsOfRun columns{from.columns.intersection(to.columns), ColumnSet::all()};
  for (const ColumnInfo& info : kColumns) {
    if (columns.shared.contains(info.column)) columns.extra.remove(info.column);
  }
  return columns;
}

Holdings count_holdings(const HoldingPlace& place, const ColumnsOfRun& columns,
                        const std::function<void()>& visit) {
  Fingerprinter fingerprint;
  Holdings sum;
  const auto add = [&](const ComponentRow& row) {
    sum.components += fingerprint.of(row, columns.shared);
    sum.extras += fingerprint.of_values(row, columns.extra);
  };
  place.components.drawings().for_each(
      place.transaction, [&](const Drawing& drawing) { sum.drawings += fingerprint.of(drawing); });
  const auto rows = place.components.layout().scan(place.transaction);
  for (ComponentRow row; rows->next(row); ++sum.rows_in_table) {
    add(row);
    visit();
  }
  place.stash.for_each(place.transaction, [&](Stash::State, const StashRow& entry) {
    if (entry.what == SetAside::What::row) {
      add(entry.row);
      ++sum.rows_in_stash;
    } else {
      sum.extras += fingerprint.of_values(entry.row, columns.extra);
    }
    visit();
  });
  return sum;
}

namespace {

struct GivenUp {};

}  // namespace

struct HoldingsAhead::State {
  std::atomic<bool> is_given_up{false};
  Holdings result;
  std::exception_ptr failure;
  std::thread thread;

  void count(const HoldingPlace& place, const ColumnsOfRun& columns) noexcept {
    try {
      result = count_holdings(place, columns, [this] {
        if (is_given_up.load(std::memory_order_relaxed)) throw GivenUp();
      });
    } catch (const GivenUp&) {
      // Nobody asks for the result any more.
    } catch (...) {
      failure = std::current_exception();
    }
  }
};

HoldingsAhead::HoldingsAhead(const HoldingPlace& place, const ColumnsOfRun& columns)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  try {
    state.thread = std::thread([&state, &place, columns] { state.count(place, columns); });
  } catch (const std::system_error&) {
    state.count(place, columns);  // No thread to be had.
  }
}

HoldingsAhead::~HoldingsAhead() {
  state_->is_given_up = true;
  if (state_->thread.joinable()) state_->thread.join();
}

Holdings HoldingsAhead::get() {
  if (state_->thread.joinable()) state_->thread.join();
  if (state_->failure) std::rethrow_exception(state_->failure);
  return state_->result;
}

}  // namespace piecemark::migration
