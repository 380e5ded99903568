#include "plan.h"

#include <chrono>

#include "engine/os.h"
#include "engine/record.h"
#include "fingerprint.h"
#include "route.h"

namespace piecemark::migration {
namespace {

using index::Components;

// For how long, and how many rows at the most, a sample is taken.
constexpr auto kSampleTime = std::chrono::milliseconds(200);
constexpr std::uint64_t kSampleRows = 50'000;
// What a step costs for each time its rows are read, fingerprinted and encoded in memory: index, pages and the disk
// come on top. A guess: `piecemark history` tells afterwards how long it took.
constexpr double kStepsCostOfSample = 4.0;

// Beside its component, an entry of the stash has a reason, a key and a place in a page.
constexpr std::uint64_t kBytesOfStashEntry = 160;
constexpr std::uint64_t kBytesOfIndexEntry = 120;
// How much more room packed rows take at the most when they lie by themselves; else it differs little between formats.
constexpr std::uint64_t kUnpackedGrowth = 3;
// Pages that every transaction rewrites: roots, the list of tables, the list of free pages.
constexpr std::uint64_t kBytesBeside = 128 << 10;

class Planner {
 public:
  Planner(const engine::ReadTransaction& snapshot, const Route& route, const MigrationOptions& options,
          Progress& progress)
      : snapshot_(snapshot),
        route_(route),
        options_(options),
        progress_(progress),
        components_(components_in(snapshot, *route.from, route.stamp)) {}

  MigrationPlan plan() {
    plan_.from = route_.from->number;
    plan_.to = route_.to->number;
    progress_.set_work_total(components_.layout().count(snapshot_) * route_.steps.size());
    for (const Step* step : route_.steps) rehearse(*step);
    list_tables();
    measure_room();
    expect_time();
    return plan_;
  }

 private:
  void rehearse(const Step& step) {
    MigrationOptions options = options_;
    options.on_loss = OnLoss::stash;  // Counts everything; nothing can be lost without a target.
    Receipt receipt;
    receipt.number = history_in(snapshot_).count(snapshot_) + 1;
    StepWork work({{snapshot_, components_},
                   nullptr,
                   *index::format_numbered(step.to),
                   stash_in(snapshot_),
                   snapshot_,
                   stash_in(snapshot_),
                   options,
                   engine::os::temporary_folder()},
                  receipt, progress_);
    (route_.is_upgrade() ? step.upgrade : step.downgrade)(work);
    plan_.steps.emplace_back(step.revision);
    plan_.stashed_rows += receipt.stashed_rows;
    plan_.stashed_identifiers += receipt.stashed_identifiers;
    plan_.returned_rows += receipt.returned_rows;
    plan_.returned_identifiers += receipt.returned_identifiers;
    plan_.left_over += receipt.left_over;
  }

  void list_tables() {
    const engine::Environment& environment = *snapshot_.environment();
    for (std::size_t i = 0; i < index::kTables.size(); ++i) {
      const engine::Table table = environment.table(i);
      const auto id = static_cast<index::TableId>(i);
      const bool is_index = id == route_.from->index;
      const bool is_of_rows = is_index || id == route_.from->rows;
      const bool is_rewritten = !route_.steps.empty() && is_of_rows;
      if (id == index::TableId::meta || !snapshot_.has(table) || snapshot_.entries(table) == 0) continue;
      plan_.tables.push_back({std::string(table.name),
                              is_of_rows ? components_.layout().count(snapshot_) : snapshot_.entries(table),
                              snapshot_.bytes_of(table), is_index, is_rewritten});
    }
  }

  // Bounds from above; what moves between tables and stash is counted in both.
  void measure_room() {
    plan_.bytes_free = engine::os::free_bytes(snapshot_.environment()->path());
    if (plan_.steps.empty()) return;
    std::uint64_t written = kBytesBeside + kBytesOfIndexEntry * plan_.returned_rows +
                            kBytesOfStashEntry * (plan_.stashed_rows + plan_.stashed_identifiers);
    std::uint64_t rewritten = 0;
    std::uint64_t kept = kBytesBeside;
    for (const MigrationPlan::Table& table : plan_.tables)
      (table.is_rewritten ? rewritten : kept) += table.bytes;
    if (route_.is_upgrade()) {
      const engine::Environment& environment = *snapshot_.environment();
      rewritten += snapshot_.bytes_of(index::table(environment, index::TableId::stash));
    }
    const bool is_unpacked = route_.from->layout == index::LayoutKind::packed;
    written += (is_unpacked ? rewritten * kUnpackedGrowth : rewritten + rewritten / 3) * plan_.steps.size();
    plan_.copy_bytes = written + kept;
    const std::uint64_t reusable = snapshot_.free_bytes();
    plan_.bytes_needed = written > reusable ? written - reusable : 0;
  }

  void expect_time() {
    if (route_.steps.empty()) return;
    const std::uint64_t total = components_.layout().count(snapshot_) + plan_.stashed_rows +
                                plan_.stashed_identifiers + plan_.returned_rows + plan_.returned_identifiers;
    const auto started = std::chrono::steady_clock::now();
    const auto elapsed = [&] { return std::chrono::steady_clock::now() - started; };
    const auto rows = components_.layout().scan(snapshot_);
    Fingerprinter fingerprint;
    Fingerprint sum;
    std::string record;
    std::uint64_t sampled = 0;
    for (ComponentRow row; sampled < kSampleRows && elapsed() < kSampleTime && rows->next(row); ++sampled) {
      sum += fingerprint.of(row, route_.from->columns);
      engine::encode_record({"sample", {}}, row, route_.from->class_version, record);
    }
    if (sampled == 0) return;
    const double microseconds = std::chrono::duration<double, std::micro>(elapsed()).count();
    const double a_row = microseconds / static_cast<double>(sampled) * kStepsCostOfSample;
    plan_.expected_us = static_cast<std::int64_t>(a_row * static_cast<double>(total * route_.steps.size()));
  }

  const engine::ReadTransaction& snapshot_;
  const Route& route_;
  const MigrationOptions& options_;
  Progress& progress_;
  Components components_;
  MigrationPlan plan_;
};

}  // namespace

MigrationPlan plan(engine::Environment& environment, std::uint32_t target, const MigrationOptions& options,
                   std::span<const Step> chain) {
  const index::Format& to = require_target(target, environment.path());
  Progress progress(options, "cannot plan for '" + environment.path() + "'");
  const engine::ReadTransaction snapshot = environment.begin_read();
  const Route route = route_of(snapshot, to, chain);
  return Planner(snapshot, route, options, progress).plan();
}

}  // namespace piecemark::migration
