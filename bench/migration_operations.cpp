#include "migration_operations.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "measuring.h"
#include "operations.h"

namespace piecemark::bench {
namespace {

// A whole migration an iteration; items are rows, wherever they end.
template <class Migrate>
void migrate(benchmark::State& state, TemporaryStore& store, Schema from, const Tally& expected,
             std::uint64_t rows, const Migrate& run) {
  for (auto _ : state) {
    state.PauseTiming();
    Contender& contender = store.in(from);
    state.ResumeTiming();
    run(contender);
    state.PauseTiming();
    contender.settle();
    require(contender.scan(), expected);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * items(rows));
}

void migrate_all(benchmark::State& state, TemporaryStore& store, Schema from, Schema to,
                 const Workload& workload) {
  migrate(state, store, from, workload.total(), workload.total().rows,
          [to](Contender& contender) { contender.migrate(to); });
}

double now_ns(Clock clock) {
  timespec now{};
  clock_gettime(clock == Clock::processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The same questions to a store of the old schema and to one that was upgraded from it, in turns: one turn of
// each an iteration. The counters are the medians of the turns, in ns an item.
//
// read  called as read(contender, number of the turn); gives the number of items that it read
template <class Read>
void across_upgrade(benchmark::State& state, MigrationFixture& migration, const Read& read) {
  const Clock clock = clock_of_reads(migration.info());
  const std::array<Contender*, 2> contenders = migration.unchanged_and_upgraded();
  const Snapshot old_snapshot(*contenders[0]);
  const Snapshot upgraded_snapshot(*contenders[1]);
  std::array<std::vector<double>, 2> turns;
  std::size_t turn = 0;
  for (auto _ : state) {
    for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
      const std::size_t side = (turn + place) % 2;  // Who goes first takes turns too.
      const double start = now_ns(clock);
      const std::uint64_t read_items = read(*contenders[side], turn);
      turns[side].push_back((now_ns(clock) - start) / static_cast<double>(read_items));
    }
    ++turn;
  }
  state.counters["old"] = median(turns[0]);
  state.counters["upgraded"] = median(turns[1]);
}

// A turn asks the next few of the queries. ask(contender, query) gives the number of items.
template <class Query, class Ask>
void queries_across_upgrade(benchmark::State& state, MigrationFixture& migration,
                            const std::vector<Query>& queries, std::size_t queries_a_turn, const Ask& ask) {
  across_upgrade(state, migration, [&](Contender& contender, std::size_t turn) {
    std::uint64_t count = 0;
    for (std::size_t i = turn * queries_a_turn; i < (turn + 1) * queries_a_turn; ++i) {
      count += ask(contender, queries[i % queries.size()]);
    }
    return count;
  });
}

}  // namespace

// Nothing has to be set aside: the rows have no instance, as those of a file that was never upgraded.
void upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  migrate_all(state, migration.migrated(), Schema::old, Schema::current, migration.workload());
}

void downgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  migrate_all(state, migration.migrated(), Schema::current, Schema::old, migration.workload());
}

void upgrade_layout(benchmark::State& state, Fixture& fixture) {
  migrate_all(state, fixture.loaded_store(), Schema::current, Schema::newest, fixture.workload());
}

void downgrade_layout(benchmark::State& state, Fixture& fixture) {
  migrate_all(state, fixture.loaded_store(), Schema::newest, Schema::current, fixture.workload());
}

// One row of each drawing and mark stays.
void downgrade_setting_aside(benchmark::State& state, Fixture& fixture) {
  const Workload& workload = fixture.workload();
  migrate(state, fixture.loaded_store(), Schema::current, workload.total_without_instances(),
          workload.total().rows, std::mem_fn(&Contender::downgrade_setting_aside));
}

// All that was set aside returns.
void upgrade_returning(benchmark::State& state, Fixture& fixture) {
  migrate_all(state, fixture.loaded_store(), Schema::old, Schema::current, fixture.workload());
}

void find_across_upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const auto find_one = [](Contender& contender, const RowQuery& query) {
    require(contender.find(query), query.expected);
    return 1U;
  };
  queries_across_upgrade(state, migration, migration.workload().row_queries(), 256, find_one);
}

void get_across_upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const auto get_one = [](Contender& contender, const RowQuery& query) {
    require(contender.get(query.id), query.expected);
    return 1U;
  };
  queries_across_upgrade(state, migration, migration.workload().row_queries(), 256, get_one);
}

void read_drawing_across_upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const auto read_one = [](Contender& contender, const DrawingQuery& query) {
    require(contender.read_drawing(query.id), query.expected);
    return query.expected.rows;
  };
  queries_across_upgrade(state, migration, migration.workload().drawing_queries(), 8, read_one);
}

void scan_across_upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const Tally& total = migration.workload().total();
  across_upgrade(state, migration, [&](Contender& contender, std::size_t) {
    require(contender.scan(), total);
    return total.rows;
  });
}

}  // namespace piecemark::bench
