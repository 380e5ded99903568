#include "piecemark/migration.h"

#include "index/catalogue.h"
#include "migration/chain.h"
#include "migration/fingerprint.h"
#include "migration/history.h"
#include "migration/plan.h"
#include "migration/proven.h"
#include "migration/route.h"
#include "migration/runner.h"
#include "migration/verify.h"
#include "store_core.h"

namespace piecemark {

std::vector<FormatInfo> known_formats() {
  std::vector<FormatInfo> formats;
  for (const index::Format& format : index::formats()) formats.push_back({format.number, format.summary, {}});
  for (const migration::Step& step : migration::chain()) formats[step.to - 1].step = step.revision;
  return formats;
}

std::optional<Receipt> migrate(Store& store, std::uint32_t format, const MigrationOptions& options) {
  StoreCore& core = core_of(store);
  core.require_opened_for_writing();
  return core.with_file([&](OpenedFile&, engine::Environment& environment) {
    return migration::run(environment, format, options, migration::chain(), core.options().busy_timeout_ms);
  });
}

std::optional<Receipt> migrate_into(const std::string& new_file, const Store& store, std::uint32_t format,
                                    const MigrationOptions& options) {
  return core_of(store).with_file([&](OpenedFile&, engine::Environment& environment) {
    return migration::run_into(new_file, environment, format, options, migration::chain());
  });
}

MigrationPlan plan_migration(const Store& store, std::uint32_t format, const MigrationOptions& options) {
  return core_of(store).with_file([&](OpenedFile&, engine::Environment& environment) {
    return migration::plan(environment, format, options, migration::chain());
  });
}

void for_each_stash_entry(const ReadTxn& snapshot, const std::function<void(const StashEntry&)>& visit) {
  const engine::ReadTransaction& transaction = state_of(snapshot).transaction;
  migration::stash_in(transaction)
      .for_each(transaction, [&](migration::Stash::State state, const migration::StashRow& entry) {
        visit({migration::to_set_aside(entry), state == migration::Stash::State::left_over});
      });
}

DroppedStash drop_stash(Store& store, DropStash what) {
  StoreCore& core = core_of(store);
  core.require_opened_for_writing();
  engine::WriteTransaction transaction = core.with_file([&](OpenedFile&, engine::Environment& environment) {
    return environment.begin_write(core.options().busy_timeout_ms);
  });
  const engine::Stamp stamp = index::load_stamp(transaction);
  index::require_readable(stamp, store.path());
  index::require_writable(stamp, store.path());
  const migration::Stash stash = migration::stash_in(transaction);
  DroppedStash dropped;
  stash.for_each(transaction, [&](migration::Stash::State state, const migration::StashRow& entry) {
    if (what == DropStash::left_over && state != migration::Stash::State::left_over) return;
    ++(entry.what == SetAside::What::row ? dropped.rows : dropped.identifiers);
  });
  if (dropped.rows + dropped.identifiers == 0) return dropped;
  migration::forget_proven(transaction);
  what == DropStash::everything ? stash.clear(transaction) : stash.clear_left_over(transaction);
  transaction.commit();
  return dropped;
}

std::vector<Receipt> history(const ReadTxn& snapshot) {
  const ReadTxnState& state = state_of(snapshot);
  std::vector<Receipt> receipts;
  migration::History(index::table(*state.transaction.environment(), index::TableId::history))
      .for_each(state.transaction, [&](const Receipt& receipt) { receipts.push_back(receipt); });
  return receipts;
}

ContentFingerprint fingerprint(const ReadTxn& snapshot, ColumnSet columns) {
  const ReadTxnState& state = state_of(snapshot);
  return migration::content_fingerprint(state.transaction, *state.components, columns);
}

ColumnSet columns_of_format(std::uint32_t format) {
  if (const index::Format* known = index::format_numbered(format)) return known->columns;
  throw Error(ErrorCode::no_such_format,
              {"cannot look up format " + std::to_string(format), "a format that this library does not know",
               index::known_formats(), "run 'piecemark formats' to see them"});
}

Verification verify(const ReadTxn& snapshot, const OnProgress& on_progress) {
  const ReadTxnState& state = state_of(snapshot);
  migration::Watch watch(on_progress, "cannot verify '" + state.core->path() + "'");
  watch.add_total(state.components->layout().count(state.transaction));
  return migration::verify(state.transaction, *state.components, watch);
}

void verify_pages(const Store& store) {
  core_of(store).with_file(
      [](const OpenedFile&, engine::Environment& environment) { environment.verify_pages(); });
}

}  // namespace piecemark
