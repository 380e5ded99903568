#include "driver.h"

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "fixture.h"

namespace piecemark::bench {
namespace {

constexpr std::array<std::uint64_t, 2> kSizes{100'000, 1'000'000};

void require(const Tally& actual, const Tally& expected) {
  if (actual == expected) return;
  throw std::runtime_error("read " + actual.to_string() + " instead of " + expected.to_string());
}

class Snapshot {
 public:
  explicit Snapshot(Contender& contender) : contender_(contender) { contender_.begin_snapshot(); }
  ~Snapshot() { contender_.end_snapshot(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Contender& contender_;
};

// Hands out the items again and again.
template <class T>
class Cycle {
 public:
  explicit Cycle(const std::vector<T>& items) : items_(items) {}
  const T& next() {
    if (next_ == items_.size()) next_ = 0;
    return items_[next_++];
  }

 private:
  const std::vector<T>& items_;
  std::size_t next_ = 0;
};

std::int64_t items(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

// One query an iteration.
template <class Read>
void look_up(benchmark::State& state, const Fixture& fixture, const Read& read) {
  Cycle queries(fixture.workload().row_queries());
  for (auto _ : state) {
    const RowQuery& query = queries.next();
    require(read(query), query.expected);
  }
  state.SetItemsProcessed(state.iterations());
}

void find(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const Snapshot snapshot(contender);
  look_up(state, fixture, [&](const RowQuery& query) { return contender.find(query); });
}

void find_own_snapshot(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  look_up(state, fixture, [&](const RowQuery& query) { return contender.find(query); });
}

void get(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const Snapshot snapshot(contender);
  look_up(state, fixture, [&](const RowQuery& query) { return contender.get(query.id); });
}

// One drawing an iteration; items are rows.
void read_drawing(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const Snapshot snapshot(contender);
  Cycle queries(fixture.workload().drawing_queries());
  std::uint64_t rows = 0;
  for (auto _ : state) {
    const DrawingQuery& query = queries.next();
    require(contender.read_drawing(query.id), query.expected);
    rows += query.expected.rows;
  }
  state.SetItemsProcessed(items(rows));
}

// Everything an iteration; items are rows.
void scan(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const Snapshot snapshot(contender);
  const Tally& expected = fixture.workload().total();
  for (auto _ : state) require(contender.scan(), expected);
  state.SetItemsProcessed(state.iterations() * items(expected.rows));
}

// What the tally alone costs, over rows that lie decoded in the processor's cache.
void checksum(benchmark::State& state, Fixture& fixture) {
  std::vector<ComponentRow> rows;
  for (const Component& component : fixture.workload().components()) {
    if (rows.size() < 1'000) rows.push_back(row_of(component));
  }
  for (auto _ : state) {
    Tally tally;
    for (const ComponentRow& row : rows) tally.add(row);
    benchmark::DoNotOptimize(tally);
  }
  state.SetItemsProcessed(state.iterations() * items(rows.size()));
}

// A new store an iteration, whose making, check and removal are outside the clock; items are rows.
void bulk_load(benchmark::State& state, Fixture& fixture) {
  const Workload& workload = fixture.workload();
  for (auto _ : state) {
    state.PauseTiming();
    auto store = fixture.new_store();
    state.ResumeTiming();
    store->contender().bulk_load(workload);
    state.PauseTiming();
    require(store->contender().scan(), workload.total());
    store.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * items(workload.total().rows));
}

// One row an iteration.
void commit(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const std::vector<Component> rows =
      fixture.workload().additions(static_cast<std::uint64_t>(state.max_iterations));
  Cycle next(rows);
  for (auto _ : state) contender.insert(next.next());
  for (const Component& row : rows) {
    Tally expected;
    expected.add(row_of(row));
    require(contender.get(row.id), expected);
  }
  contender.erase(rows);
  require(contender.scan(), fixture.workload().total());
  state.SetItemsProcessed(state.iterations());
}

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

// Nothing has to be set aside: the rows have no instance, as those of a file that was never upgraded.
void upgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const Tally& total = migration.workload().total();
  migrate(state, migration.migrated(), Schema::old, total, total.rows, std::mem_fn(&Contender::upgrade));
}

void downgrade(benchmark::State& state, Fixture& fixture) {
  MigrationFixture& migration = fixture.migration();
  const Tally& total = migration.workload().total();
  migrate(state, migration.migrated(), Schema::current, total, total.rows,
          std::mem_fn(&Contender::downgrade));
}

// One row of each drawing and mark stays.
void downgrade_setting_aside(benchmark::State& state, Fixture& fixture) {
  const Workload& workload = fixture.workload();
  migrate(state, fixture.loaded_store(), Schema::current, workload.total_without_instances(),
          workload.total().rows, std::mem_fn(&Contender::downgrade_setting_aside));
}

// All that was set aside returns.
void upgrade_returning(benchmark::State& state, Fixture& fixture) {
  const Tally& total = fixture.workload().total();
  migrate(state, fixture.loaded_store(), Schema::old, total, total.rows, std::mem_fn(&Contender::upgrade));
}

double processor_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
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
  const std::array<Contender*, 2> contenders = migration.unchanged_and_upgraded();
  const Snapshot old_snapshot(*contenders[0]);
  const Snapshot upgraded_snapshot(*contenders[1]);
  std::array<std::vector<double>, 2> turns;
  std::size_t turn = 0;
  for (auto _ : state) {
    for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
      const std::size_t side = (turn + place) % 2;  // Who goes first takes turns too.
      const double start = processor_ns();
      const std::uint64_t read_items = read(*contenders[side], turn);
      turns[side].push_back((processor_ns() - start) / static_cast<double>(read_items));
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

// Reads find everything in memory and never wait: their clock is the processor time, which a busy machine
// disturbs little. Writes wait for the disk: theirs is the one on the wall.
enum class Clock : std::uint8_t { processor, wall };

struct Operation {
  std::string_view name;
  void (*run)(benchmark::State&, Fixture&);
  Clock clock = Clock::processor;
  int iterations = 0;       // 0: until the time is up
  bool sets_aside = false;  // only for contenders that can set rows aside
};

constexpr std::array<Operation, 16> kOperations{{
    {"find", find},
    {"find_own_snapshot", find_own_snapshot},
    {"get", get},
    {"read_drawing", read_drawing},
    {"scan", scan},
    {"checksum", checksum},
    {"bulk_load", bulk_load, Clock::wall, 1},
    {"commit", commit, Clock::wall, 500},  // Enough for SQLite to meet its checkpoints.
    // In this order no migration has to be undone outside the clock.
    {"upgrade", upgrade, Clock::wall, 1},
    {"find_across_upgrade", find_across_upgrade},
    {"get_across_upgrade", get_across_upgrade},
    {"read_drawing_across_upgrade", read_drawing_across_upgrade},
    {"scan_across_upgrade", scan_across_upgrade, Clock::processor, 5},
    {"downgrade", downgrade, Clock::wall, 1},
    {"downgrade_setting_aside", downgrade_setting_aside, Clock::wall, 1, true},
    {"upgrade_returning", upgrade_returning, Clock::wall, 1, true},
}};

// All operations at all sizes on one contender. Runs size after size and keeps the fixture of one at a time.
class Suite {
 public:
  Suite(const ContenderInfo& info, IdOrder id_order) : info_(info), id_order_(id_order) {}

  void register_benchmarks() {
    for (const std::uint64_t components : kSizes) {
      for (const Operation& operation : kOperations) {
        if (operation.sets_aside && !info_.sets_aside) continue;
        const std::string name = std::string(operation.name) + "/" + std::to_string(components);
        auto* const benchmark = benchmark::RegisterBenchmark(
            name.c_str(), [&, components](benchmark::State& state) { run(state, operation, components); });
        if (operation.clock == Clock::wall) benchmark->UseRealTime();
        if (operation.iterations != 0) benchmark->Iterations(operation.iterations);
      }
    }
  }

  bool has_failed() const { return has_failed_; }

 private:
  void run(benchmark::State& state, const Operation& operation, std::uint64_t components) {
    try {
      operation.run(state, fixture(components));
    } catch (const std::exception& error) {
      has_failed_ = true;
      state.SkipWithError(error.what());
    }
  }

  Fixture& fixture(std::uint64_t components) {
    if (!fixture_ || fixture_->workload().total().rows != components) {
      fixture_.reset();
      fixture_ = std::make_unique<Fixture>(info_, components, id_order_);
    }
    return *fixture_;
  }

  const ContenderInfo& info_;
  IdOrder id_order_;
  std::unique_ptr<Fixture> fixture_;
  bool has_failed_ = false;
};

}  // namespace

int run_benchmarks(int argc, char** argv, const ContenderInfo& info) {
  benchmark::Initialize(&argc, argv);
  IdOrder id_order = IdOrder::time_ordered;
  if (argc > 1 && std::string_view(argv[1]) == "--random_ids") {
    id_order = IdOrder::random;
    argv[1] = argv[0];
    --argc;
    ++argv;
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("contender", info.name);
  benchmark::AddCustomContext("contender_version", info.version);

  Suite suite(info, id_order);
  suite.register_benchmarks();
  if (benchmark::RunSpecifiedBenchmarks() == 0) {
    std::cerr << argv[0] << ": no benchmark has such a name\n";
    return 2;
  }
  return suite.has_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace piecemark::bench
