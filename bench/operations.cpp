#include "operations.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "measuring.h"
#include "migration_operations.h"

namespace piecemark::bench {
namespace {

constexpr std::uint64_t kRowsACommit = 1'000;
constexpr std::uint64_t kRowsADrawing = 500;
constexpr std::size_t kColdRows = 1'000;
constexpr std::size_t kColdDrawings = 20;
constexpr std::uint64_t kUsedRowsMax = 100'000;

// One query an iteration.
template <class Query, class Read>
void look_up(benchmark::State& state, const std::vector<Query>& queries, const Read& read) {
  Cycle next(queries);
  for (auto _ : state) {
    const Query& query = next.next();
    require(read(query), query.expected);
  }
  state.SetItemsProcessed(state.iterations());
}

void find(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
  const Snapshot snapshot(contender);
  look_up(state, fixture.workload().row_queries(),
          [&](const RowQuery& query) { return contender.find(query); });
}

void find_absent(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
  const Snapshot snapshot(contender);
  look_up(state, fixture.workload().absent_queries(),
          [&](const RowQuery& query) { return contender.find(query); });
}

void find_own_snapshot(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
  look_up(state, fixture.workload().row_queries(),
          [&](const RowQuery& query) { return contender.find(query); });
}

void get(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
  const Snapshot snapshot(contender);
  look_up(state, fixture.workload().row_queries(),
          [&](const RowQuery& query) { return contender.get(query.id); });
}

void instances(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
  const Snapshot snapshot(contender);
  look_up(state, fixture.workload().mark_queries(),
          [&](const MarkQuery& query) { return contender.instances(query); });
}

// One drawing an iteration; items are rows.
void read_drawing(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.warm();
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
  Contender& contender = fixture.warm();
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

void bytes(benchmark::State& state, Fixture& fixture) {
  fixture.loaded();
  for (auto _ : state) {
    const auto size = static_cast<double>(fixture.loaded_store().bytes());
    state.counters["bytes_per_component"] = size / static_cast<double>(fixture.workload().total().rows);
  }
}

// Every row is changed ten times, 100 rows in each commit: changed and deleted, inserted again, changed and
// changed back, twice. In between there are always some that have gone through a part of it.
void use(Contender& contender, const std::vector<Review>& reviews) {
  constexpr std::size_t kRowsABatch = 100;
  constexpr std::size_t kDelay = 7;  // batches from one change of a row to the next
  const std::size_t batches = (reviews.size() + kRowsABatch - 1) / kRowsABatch;
  std::vector<const Component*> before;
  std::vector<const Component*> after;
  for (const Review& review : reviews) {
    before.push_back(review.before);
    after.push_back(&review.after);
  }
  const auto batch = [&](const std::vector<const Component*>& rows, std::size_t number) {
    const std::size_t first = number * kRowsABatch;
    return ComponentRefs(rows).subspan(first, std::min(kRowsABatch, rows.size() - first));
  };
  const std::array<std::function<void(std::size_t)>, 5> changes{
      [&](std::size_t i) { contender.update(batch(after, i)); },
      [&](std::size_t i) { contender.erase(batch(after, i)); },
      [&](std::size_t i) { contender.insert({.components = batch(before, i)}); },
      [&](std::size_t i) { contender.update(batch(after, i)); },
      [&](std::size_t i) { contender.update(batch(before, i)); },
  };
  for (std::size_t pass = 0; pass < 2; ++pass) {
    for (std::size_t step = 0; step < batches + kDelay * (changes.size() - 1); ++step) {
      for (std::size_t change = 0; change < changes.size(); ++change) {
        const std::size_t number = step - change * kDelay;
        if (step >= change * kDelay && number < batches) changes[change](number);
      }
    }
  }
}

void bytes_after_use(benchmark::State& state, Fixture& fixture) {
  const Workload& workload = fixture.workload();
  const std::vector<Review> reviews = workload.reviews(workload.total().rows);
  for (auto _ : state) {
    const auto store = fixture.new_store();
    store->contender().bulk_load(workload.rows());
    use(store->contender(), reviews);
    require(store->contender().scan(), workload.total());
    const auto size = static_cast<double>(store->bytes());
    state.counters["bytes_per_component"] = size / static_cast<double>(workload.total().rows);
  }
}

// Opening a closed store, one query and closing again an iteration.
void open_and_find(benchmark::State& state, Fixture& fixture) {
  fixture.loaded();
  TemporaryStore& store = fixture.loaded_store();
  store.close();
  Cycle queries(fixture.workload().row_queries());
  for (auto _ : state) {
    const RowQuery& query = queries.next();
    require(store.open_for_reading().find(query), query.expected);
    store.close();
  }
  state.SetItemsProcessed(state.iterations());
}

// Opening a store that the system has nothing of in memory, and the next few of the queries, an iteration.
// ask(contender, query) gives the number of items.
template <class Query, class Ask>
void ask_cold(benchmark::State& state, Fixture& fixture, const std::vector<Query>& queries,
              std::size_t queries_an_iteration, const Ask& ask) {
  fixture.loaded();
  TemporaryStore& store = fixture.loaded_store();
  Cycle next(queries);
  std::uint64_t count = 0;
  for (auto _ : state) {
    state.PauseTiming();
    store.close();
    store.drop_from_memory();
    state.ResumeTiming();
    Contender& contender = store.open_for_reading();
    const Snapshot snapshot(contender);
    for (std::size_t i = 0; i < queries_an_iteration; ++i) count += ask(contender, next.next());
  }
  store.close();
  state.SetItemsProcessed(items(count));
}

void find_cold(benchmark::State& state, Fixture& fixture) {
  const auto find_one = [](Contender& contender, const RowQuery& query) {
    require(contender.find(query), query.expected);
    return 1U;
  };
  ask_cold(state, fixture, fixture.workload().row_queries(), kColdRows, find_one);
}

void read_drawing_cold(benchmark::State& state, Fixture& fixture) {
  const auto read_one = [](Contender& contender, const DrawingQuery& query) {
    require(contender.read_drawing(query.id), query.expected);
    return query.expected.rows;
  };
  ask_cold(state, fixture, fixture.workload().drawing_queries(), kColdDrawings, read_one);
}

// A new store an iteration, whose making and check are outside the clock; items are rows.
std::unique_ptr<TemporaryStore> load(benchmark::State& state, Fixture& fixture, const Rows& rows) {
  std::unique_ptr<TemporaryStore> store;
  for (auto _ : state) {
    state.PauseTiming();
    store.reset();
    store = fixture.new_store();
    state.ResumeTiming();
    store->contender().bulk_load(rows);
    state.PauseTiming();
    store->contender().settle();
    require(store->contender().scan(), fixture.workload().total());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * items(fixture.workload().total().rows));
  return store;
}

void bulk_load(benchmark::State& state, Fixture& fixture) {
  fixture.adopt(load(state, fixture, fixture.workload().rows()));
}

void bulk_load_unsorted(benchmark::State& state, Fixture& fixture) {
  const std::vector<const Component*> order = fixture.workload().in_random_order();
  load(state, fixture, {fixture.workload().drawings(), order});
}

void require_rows(Contender& contender, ComponentRefs components) {
  const Snapshot snapshot(contender);
  for (const Component* component : components) {
    Tally expected;
    expected.add(row_of(*component));
    require(contender.get(component->id), expected);
  }
}

// So many new rows of random drawings an iteration; items are rows. They are deleted outside the clock.
void insert_rows(benchmark::State& state, Fixture& fixture, std::uint64_t rows_a_commit) {
  Contender& contender = fixture.loaded();
  const std::uint64_t count = static_cast<std::uint64_t>(state.max_iterations) * rows_a_commit;
  const std::vector<Component> rows = fixture.workload().additions(count);
  const std::vector<const Component*> refs = refs_to(rows);
  ComponentRefs left = refs;
  for (auto _ : state) {
    contender.insert({.components = left.first(rows_a_commit)});
    left = left.subspan(rows_a_commit);
  }
  require_rows(contender, refs);
  contender.erase(refs);
  require(contender.scan(), fixture.workload().total());
  state.SetItemsProcessed(items(count));
}

void insert_one(benchmark::State& state, Fixture& fixture) {
  insert_rows(state, fixture, 1);
}

void insert_many(benchmark::State& state, Fixture& fixture) {
  insert_rows(state, fixture, kRowsACommit);
}

// A new drawing with its components an iteration. They are deleted outside the clock.
void insert_drawing(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const std::vector<FullDrawing> drawings =
      fixture.workload().new_drawings(static_cast<std::uint64_t>(state.max_iterations), kRowsADrawing);
  Cycle next(drawings);
  std::vector<const Component*> refs;
  for (auto _ : state) {
    state.PauseTiming();
    const FullDrawing& added = next.next();
    refs = refs_to(added.components);
    state.ResumeTiming();
    contender.insert({.drawings = {&added.drawing, 1}, .components = refs});
  }
  for (const FullDrawing& added : drawings) {
    require_rows(contender, refs_to(added.components));
    contender.erase_drawing(added.drawing.id);
  }
  require(contender.scan(), fixture.workload().total());
  state.SetItemsProcessed(state.iterations());
}

// So many changed rows an iteration; items are rows. They are changed back outside the clock.
void update_many(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const std::uint64_t count = static_cast<std::uint64_t>(state.max_iterations) * kRowsACommit;
  const std::vector<Review> reviews = fixture.workload().reviews(count);
  std::vector<const Component*> before;
  std::vector<const Component*> after;
  for (const Review& review : reviews) {
    before.push_back(review.before);
    after.push_back(&review.after);
  }
  ComponentRefs left = after;
  for (auto _ : state) {
    contender.update(left.first(kRowsACommit));
    left = left.subspan(kRowsACommit);
  }
  require_rows(contender, after);
  contender.update(before);
  require(contender.scan(), fixture.workload().total());
  state.SetItemsProcessed(items(count));
}

// A drawing an iteration, which is put back outside the clock.
void erase_drawing(benchmark::State& state, Fixture& fixture) {
  Contender& contender = fixture.loaded();
  const FullDrawing erased = fixture.workload().drawing_of_about(kRowsADrawing);
  const std::vector<const Component*> refs = refs_to(erased.components);
  for (auto _ : state) {
    contender.erase_drawing(erased.drawing.id);
    state.PauseTiming();
    require(contender.read_drawing(erased.drawing.id), {});
    require(contender.get(refs.front()->id), {});
    contender.insert({.drawings = {&erased.drawing, 1}, .components = refs});
    state.ResumeTiming();
  }
  require(contender.scan(), fixture.workload().total());
  state.SetItemsProcessed(state.iterations());
}

constexpr std::array kOperations{
    Operation{"bulk_load", bulk_load, Needs::reads, Clock::wall, 1},
    Operation{"bytes", bytes, Needs::reads, Clock::wall, 1},
    Operation{"find", find},
    Operation{"find_absent", find_absent},
    Operation{"find_own_snapshot", find_own_snapshot},
    Operation{"get", get},
    Operation{"instances", instances},
    Operation{"read_drawing", read_drawing},
    Operation{"scan", scan},
    Operation{"checksum", checksum},
    Operation{"open_and_find", open_and_find, Needs::reads, Clock::wall, 10},
    Operation{"find_cold", find_cold, Needs::reads, Clock::wall, 3},
    Operation{"read_drawing_cold", read_drawing_cold, Needs::reads, Clock::wall, 3},
    Operation{"insert_one", insert_one, Needs::writes, Clock::wall, 500},  // Enough for SQLite's checkpoints.
    Operation{"insert_many", insert_many, Needs::writes, Clock::wall, 10},
    Operation{"insert_drawing", insert_drawing, Needs::writes, Clock::wall, 20},
    Operation{"update_many", update_many, Needs::writes, Clock::wall, 10},
    Operation{"erase_drawing", erase_drawing, Needs::writes, Clock::wall, 10},
    Operation{"bytes_after_use", bytes_after_use, Needs::writes, Clock::wall, 1, kUsedRowsMax},
    Operation{"bulk_load_unsorted", bulk_load_unsorted, Needs::reads, Clock::wall, 1},
    Operation{"upgrade", upgrade, Needs::migrations, Clock::wall, 1},
    Operation{"find_across_upgrade", find_across_upgrade, Needs::migrations},
    Operation{"get_across_upgrade", get_across_upgrade, Needs::migrations},
    Operation{"read_drawing_across_upgrade", read_drawing_across_upgrade, Needs::migrations},
    Operation{"scan_across_upgrade", scan_across_upgrade, Needs::migrations, Clock::processor, 5},
    Operation{"downgrade", downgrade, Needs::migrations, Clock::wall, 1},
    Operation{"downgrade_layout", downgrade_layout, Needs::newer_layout, Clock::wall, 1},
    Operation{"downgrade_setting_aside", downgrade_setting_aside, Needs::setting_aside, Clock::wall, 1},
    Operation{"upgrade_returning", upgrade_returning, Needs::setting_aside, Clock::wall, 1},
    Operation{"upgrade_layout", upgrade_layout, Needs::newer_layout, Clock::wall, 1},
};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

bool offers(const ContenderInfo& info, Needs needs) {
  switch (needs) {
    case Needs::reads:
      return true;
    case Needs::writes:
      return info.writes;
    case Needs::migrations:
      return info.migrates;
    case Needs::setting_aside:
      return info.sets_aside;
    case Needs::newer_layout:
      return info.has_newer_layout;
  }
  return false;
}

Clock clock_of_reads(const ContenderInfo& info) {
  return info.start_server ? Clock::wall : Clock::processor;
}

}  // namespace piecemark::bench
