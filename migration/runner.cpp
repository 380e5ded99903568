#include "runner.h"

#include <algorithm>
#include <vector>

#include "engine/memory_reserve.h"
#include "engine/os.h"
#include "holdings.h"
#include "index/catalogue.h"
#include "proven.h"
#include "route.h"

namespace piecemark::migration {
namespace {

using index::Components;
using index::TableId;
using Phase = MigrationProgress::Phase;

// How many times the original a new file can become in another format: format 1 takes twice the room of format 3, with what
// is set aside once more, and each step on the way leaves the pages of the one before.
constexpr unsigned kRoomTimesOfMigration = 10;

// The same commit twice: a transaction serves one thread at a time.
struct Snapshots {
  engine::ReadTransaction for_steps;
  engine::ReadTransaction for_proof;
};

Snapshots snapshots_of(engine::Environment& environment) {
  for (;;) {
    Snapshots snapshots{environment.begin_read(), environment.begin_read()};
    if (snapshots.for_steps.id() == snapshots.for_proof.id()) return snapshots;
    // Somebody has committed in between.
  }
}

// One migration: reads from a snapshot, writes to a transaction on the same file or on a new one.
class Run {
 public:
  Run(const Snapshots& snapshots, engine::WriteTransaction& transaction, const Route& route,
      const MigrationOptions& options, Progress& progress, std::string attempted)
      : snapshots_(snapshots),
        snapshot_(snapshots.for_steps),
        transaction_(transaction),
        route_(route),
        options_(options),
        progress_(progress),
        attempted_(std::move(attempted)),
        is_in_place_(snapshot_.environment() == transaction.environment()) {
    receipt_.from = route.from->number;
    receipt_.to = route.to->number;
    receipt_.library_version = kVersion.to_string();
    receipt_.started_at = Timestamp::now();
  }

  // Leaves the commit to the caller.
  Receipt perform() {
    const Components before = components_in(snapshots_.for_proof, *route_.from, route_.stamp);
    const HoldingPlace place{snapshots_.for_proof, before, stash_in(snapshots_.for_proof)};
    const ColumnsOfRun columns = columns_of_run(*route_.from, *route_.to);
    HoldingsAhead ahead(place, columns);
    const engine::MemoryReserve reserve(transaction_.environment()->memory_to_reserve(bytes_to_write()));

    history_in(snapshot_).for_each(snapshot_,
                                   [](const Receipt&) {});  // Damage is found before anything is written.
    if (!is_in_place_) copy_what_stays();
    receipt_.number = history_in(transaction_).next_number(transaction_);
    const std::uint64_t rows = before.layout().count(snapshot_);
    const std::uint64_t visits = rows + stash_in(snapshot_).count(snapshot_);
    // Each step looks at keys and rows, and on the way up at what waits; the proof looks at everything.
    const bool looks_at_stash = route_.is_upgrade() && visits > rows;
    const std::uint64_t steps = std::max<std::size_t>(route_.steps.size(), 1);
    progress_.set_work_total(steps * (looks_at_stash ? 3 : 2) * rows + visits);
    if (route_.steps.empty()) copy_components();
    for (const Step* step : route_.steps) take(*step);
    prove(ahead, columns, visits);
    sign();
    progress_.enter(Phase::commit, 0);
    return receipt_;
  }

 private:
  // What lies the same way in every format.
  void copy_what_stays() {
    const Components source = components_in(snapshot_, *route_.from, route_.stamp);
    const Components target = components_in(transaction_, *route_.from, route_.stamp);
    source.drawings().copy_to(target.drawings(), snapshot_, transaction_);
    // What waits for these steps returns, or is put down anew as left over.
    std::vector<const index::Format*> returning;
    for (const Step* step : route_.steps) {
      if (route_.is_upgrade()) returning.push_back(index::format_numbered(step->to));
    }
    stash_in(snapshot_).copy_to(stash_in(transaction_), snapshot_, transaction_, returning);
    history_in(snapshot_).copy_to(history_in(transaction_), snapshot_, transaction_);
    if (const auto receipt = proven_receipt(snapshot_)) mark_proven(transaction_, *receipt);
  }

  void copy_components() {
    const Components source = components_in(snapshot_, *route_.from, route_.stamp);
    const Components target = components_in(transaction_, *route_.to, route_.stamp);
    const std::uint64_t count = source.layout().count(snapshot_);
    target.layout().fill(transaction_, source.layout(), snapshot_, watch_fill(progress_, count));
  }

  void take(const Step& step) {
    const bool is_first = receipt_.steps.empty();
    // The first step reads what was there before the run, the others what the one before has written.
    const engine::ReadTransaction& from = is_first ? snapshot_ : transaction_;
    const index::Format& older = *index::format_numbered(step.from);
    const index::Format& newer = *index::format_numbered(step.to);
    const index::Format& source_format = route_.is_upgrade() ? older : newer;
    const index::Format& target_format = route_.is_upgrade() ? newer : older;
    if (!transaction_.has(index::table(*transaction_.environment(), target_format.rows))) {
      transaction_.create_missing_tables();
    }
    const Components source = components_in(from, source_format, route_.stamp);
    const Components target = components_in(transaction_, target_format, route_.stamp);
    require_empty(target);
    const StepTarget to{transaction_, target};
    StepWork work({{from, source},
                   &to,
                   newer,
                   stash_in(snapshot_),
                   snapshot_,
                   stash_in(transaction_),
                   options_,
                   transaction_.environment()->folder()},
                  receipt_, progress_);
    (route_.is_upgrade() ? step.upgrade : step.downgrade)(work);
    refuse_loss();
    if (is_in_place_ || !is_first) {
      components_in(transaction_, source_format, route_.stamp).layout().clear(transaction_);
    }
    receipt_.steps.emplace_back(step.revision);
  }

  // A stamp that lies about the format would let the run overwrite what it says is not there.
  void require_empty(const Components& target) const {
    const index::Format& format = target.format();
    for (const TableId id : {format.rows, format.index}) {
      const engine::Table table = index::table(*transaction_.environment(), id);
      if (transaction_.entries(table) == 0) continue;
      throw Error(ErrorCode::corrupt_file,
                  {attempted_,
                   "table '" + std::string(table.name) +
                       "' holds entries, although the file says that it has format " +
                       std::to_string(route_.from->number),
                   {},
                   "run 'piecemark verify' on the file and go back to a backup"});
    }
  }

  void refuse_loss() const {
    if (options_.on_loss == OnLoss::stash || receipt_.stashed_rows + receipt_.stashed_identifiers == 0)
      return;
    throw refusal_of_downgrade(path(), route_.to->number, receipt_.stashed_rows,
                               receipt_.stashed_identifiers);
  }

  void prove(HoldingsAhead& ahead, const ColumnsOfRun& columns, std::uint64_t visits) {
    const Components target = components_in(transaction_, *route_.to, route_.stamp);
    progress_.enter(Phase::proof, visits);
    receipt_.after =
        count_holdings({transaction_, target, stash_in(transaction_)}, columns, [&] { progress_.advance(); });
    receipt_.before = ahead.get();
    if (same_content(receipt_.before, receipt_.after)) return;
    const auto describe = [](const Holdings& holdings) {
      return std::to_string(holdings.drawings.rows) + " drawings " + holdings.drawings.to_string() + ", " +
             std::to_string(holdings.components.rows) + " components " + holdings.components.to_string() +
             ", " + std::to_string(holdings.extras.rows) + " extras " + holdings.extras.to_string();
    };
    throw Error(
        ErrorCode::migration_mismatch,
        {attempted_,
         "before: " + describe(receipt_.before) + "; after: " + describe(receipt_.after),
         {},
         "nothing was changed; run 'piecemark verify' on the file and report this as a bug of the step"});
  }

  std::uint64_t bytes_to_write() const {
    const engine::Environment& source = *snapshot_.environment();
    return snapshot_.bytes_of(index::table(source, route_.from->rows)) +
           snapshot_.bytes_of(index::table(source, route_.from->index));
  }

  // Says in the file what was done to it.
  void sign() {
    if (route_.steps.empty()) {
      index::save_stamp(transaction_, route_.stamp);
      return;
    }
    index::save_stamp(transaction_, index::migrated_stamp(route_.stamp, *route_.to));
    receipt_.duration_us = Timestamp::now().microseconds - receipt_.started_at.microseconds;
    history_in(transaction_).add(transaction_, receipt_);
    mark_proven(transaction_, receipt_.number);
  }

  const std::string& path() const { return snapshot_.environment()->path(); }

  const Snapshots& snapshots_;
  const engine::ReadTransaction& snapshot_;
  engine::WriteTransaction& transaction_;
  const Route& route_;
  const MigrationOptions& options_;
  Progress& progress_;
  std::string attempted_;
  bool is_in_place_;
  Receipt receipt_;
};

}  // namespace

void copy_content(engine::Environment& from, engine::WriteTransaction& to, const std::string& attempted,
                  Watch& watch) {
  const Snapshots snapshots = snapshots_of(from);
  const engine::Stamp stamp = index::load_stamp(snapshots.for_steps);
  const index::Format& format = index::require_readable(stamp, from.path());
  // A new file has nothing of features that this library does not know.
  index::require_writable(stamp, from.path());
  const Route route{stamp, &format, &format, {}};
  const std::uint64_t before = watch.done();
  const MigrationOptions options{
      .on_progress = [&](const MigrationProgress& now) { return watch.advance_to(before + now.work_done); }};
  Progress progress(options, attempted);
  Run(snapshots, to, route, options, progress, attempted).perform();
}

std::optional<Receipt> run(engine::Environment& environment, std::uint32_t target,
                           const MigrationOptions& options, std::span<const Step> chain,
                           std::uint32_t busy_timeout_ms) {
  const index::Format& to = require_target(target, environment.path());
  const std::string attempted = attempt_to_migrate(environment.path(), target);
  Progress progress(options, attempted);
  engine::WriteTransaction transaction =
      environment.begin_write(busy_timeout_ms, [&] { progress.enter(Phase::waiting, 0); });
  const Route route = route_of(transaction, to, chain);
  index::require_writable(route.stamp, environment.path());
  if (route.steps.empty()) return std::nullopt;
  const Snapshots snapshots = snapshots_of(environment);
  if (snapshots.for_steps.id() + 1 != transaction.id()) {
    throw Error(ErrorCode::reopen_needed, {attempted,
                                           "a snapshot that is not that of the last commit",
                                           {},
                                           "close the store and open it again"});
  }
  Receipt receipt = Run(snapshots, transaction, route, options, progress, attempted).perform();
  transaction.commit();
  return receipt;
}

std::optional<Receipt> run_into(const std::string& output, engine::Environment& environment,
                                std::uint32_t target, const MigrationOptions& options,
                                std::span<const Step> chain) {
  const index::Format& to = require_target(target, environment.path());
  const std::string attempted = attempt_to_migrate(environment.path(), target);
  Progress progress(options, attempted);
  const Snapshots snapshots = snapshots_of(environment);
  const Route route = route_of(snapshots.for_steps, to, chain);
  std::optional<Receipt> receipt;
  engine::Environment::create(
      output, index::kTables,
      [&](engine::WriteTransaction& transaction) {
        receipt = Run(snapshots, transaction, route, options, progress, attempted).perform();
      },
      environment.options_for_copy(kRoomTimesOfMigration));
  if (route.steps.empty()) receipt.reset();
  return receipt;
}

}  // namespace piecemark::migration
