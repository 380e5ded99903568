// What a buffer of pending changes would bring. Changes of 1,000 random rows a durable commit go either into the blocks
// of the rows at once, or into a run: one value with the changes of the commit, sorted, behind a Bloom filter. When there
// are as many runs as allowed, a commit merges them all into the blocks. A look-up asks every run before it asks the block.
//
// The tables are those of a model of the packed layout: blocks of 34 rows of 120 bytes, by number. Counting and summing up
// what is found keeps it honest.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/bytes.h"
#include "engine/environment.h"
#include "engine/hash.h"
#include "fixture.h"

namespace piecemark::bench {
namespace {

using engine::Bytes;

constexpr std::uint64_t kBlocks = 30'000;
constexpr std::uint64_t kRowsABlock = 34;
constexpr std::uint64_t kRows = kBlocks * kRowsABlock;
constexpr std::size_t kRowBytes = 120;
constexpr std::size_t kRowsACommit = 1'000;
constexpr std::size_t kFilterWords = 160;  // 10 bits a row
constexpr std::array<std::string_view, 2> kTables{"blocks", "runs"};

std::string key_of(std::uint64_t number) {
  std::string key;
  engine::append_big_endian(key, static_cast<std::uint32_t>(number));
  return key;
}

// One word of the filter, and six of its bits.
struct Sieve {
  std::size_t word;
  std::uint64_t bits = 0;

  explicit Sieve(std::uint64_t row) {
    std::uint64_t hash = engine::xxh3({reinterpret_cast<const char*>(&row), sizeof row});
    word = static_cast<std::size_t>(hash % kFilterWords);
    for (int i = 0; i < 6; ++i) bits |= std::uint64_t{1} << ((hash >>= 9) & 63);
  }
};

// A row's number and value, as a run has them: filter, numbers, values, and the rest of the rows.
struct Change {
  std::uint64_t row;
  std::uint64_t value;
};

std::string run_of(const std::vector<Change>& changes) {
  std::array<std::uint64_t, kFilterWords> filter{};
  std::string numbers;
  std::string values;
  for (const Change& change : changes) {
    const Sieve sieve(change.row);
    filter[sieve.word] |= sieve.bits;
    engine::append(numbers, change.row);
    engine::append(values, change.value);
  }
  std::string run(reinterpret_cast<const char*>(filter.data()), sizeof filter);
  run += numbers + values;
  run.resize(run.size() + changes.size() * (kRowBytes - sizeof(Change)));
  return run;
}

class Run {
 public:
  explicit Run(Bytes bytes) : bytes_(bytes), rows_((bytes.size() - kFilterBytes) / kRowBytes) {}

  std::size_t rows() const { return rows_; }
  Change at(std::size_t i) const {
    return {number(i), load(kFilterBytes + (rows_ + i) * sizeof(std::uint64_t))};
  }
  bool find(const Sieve& sieve, std::uint64_t row, std::uint64_t& value) const {
    if ((load(sieve.word * sizeof(std::uint64_t)) & sieve.bits) != sieve.bits) return false;
    std::size_t first = 0;
    for (std::size_t left = rows_; left > 0;) {
      const std::size_t half = left / 2;
      if (number(first + half) < row) {
        first += half + 1;
        left -= half + 1;
      } else {
        left = half;
      }
    }
    if (first == rows_ || number(first) != row) return false;
    value = at(first).value;
    return true;
  }

 private:
  static constexpr std::size_t kFilterBytes = kFilterWords * sizeof(std::uint64_t);

  std::uint64_t load(std::size_t at) const { return engine::load<std::uint64_t>(bytes_.data() + at); }
  std::uint64_t number(std::size_t i) const { return load(kFilterBytes + i * sizeof(std::uint64_t)); }

  Bytes bytes_;
  std::size_t rows_;
};

// The model, and what every row must have in it.
class Model {
 public:
  explicit Model(std::size_t runs_max) : runs_max_(runs_max), expected_(kRows) {
    const std::string file = (folder_.path() / "model").string();
    engine::Environment::create(file, kTables, [](engine::WriteTransaction& transaction) {
      const std::string block(kRowsABlock * kRowBytes, '\0');
      engine::TableWriter writer(transaction, transaction.environment()->table(0));
      for (std::uint64_t i = 0; i < kBlocks; ++i) writer.append(key_of(i), block);
    });
    environment_ = engine::Environment::open(file, kTables, {});
  }

  const engine::Environment& environment() const { return *environment_; }
  engine::ReadTransaction begin_read() { return environment_->begin_read(); }
  std::uint64_t expected(std::uint64_t row) const { return expected_[row]; }

  void commit(const std::vector<std::uint64_t>& rows) {
    std::vector<Change> changes;
    for (const std::uint64_t row : rows) changes.push_back({row, ++expected_[row]});
    engine::WriteTransaction transaction = environment_->begin_write();
    if (runs_max_ > 0 && transaction.entries(environment_->table(1)) < runs_max_) {
      transaction.put(environment_->table(1), key_of(next_run_++), run_of(changes));
    } else {
      merge(transaction, changes);
    }
    transaction.commit();
  }

  std::uint64_t find(const engine::ReadTransaction& transaction, std::uint64_t row) const {
    const Sieve sieve(row);
    engine::Cursor cursor(transaction, environment_->table(1));
    std::uint64_t value = 0;
    for (bool found = cursor.last(); found; found = cursor.previous()) {
      if (Run(cursor.value()).find(sieve, row, value)) return value;
    }
    const auto block = transaction.get(environment_->table(0), key_of(row / kRowsABlock));
    return engine::load<std::uint64_t>(block->data() + row % kRowsABlock * kRowBytes);
  }

 private:
  // Later changes of a row come after earlier ones.
  void merge(engine::WriteTransaction& transaction, std::vector<Change>& last) {
    std::vector<Change> changes;
    engine::Cursor cursor(transaction, environment_->table(1));
    for (bool found = cursor.first(); found; found = cursor.next()) {
      const Run run(cursor.value());
      for (std::size_t i = 0; i < run.rows(); ++i) changes.push_back(run.at(i));
    }
    changes.insert(changes.end(), last.begin(), last.end());
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.row < b.row; });
    std::string block;
    for (std::size_t i = 0; i < changes.size();) {
      const std::uint64_t number = changes[i].row / kRowsABlock;
      block = *transaction.get(environment_->table(0), key_of(number));
      for (; i < changes.size() && changes[i].row / kRowsABlock == number; ++i) {
        engine::store(block.data() + changes[i].row % kRowsABlock * kRowBytes, changes[i].value);
      }
      transaction.put(environment_->table(0), key_of(number), block);
    }
    if (transaction.entries(environment_->table(1)) > 0) transaction.clear(environment_->table(1));
  }

  TemporaryFolder folder_;
  std::size_t runs_max_;
  std::uint32_t next_run_ = 0;
  std::vector<std::uint64_t> expected_;
  std::shared_ptr<engine::Environment> environment_;
};

std::vector<std::uint64_t> random_rows(std::mt19937_64& random, std::size_t count) {
  std::vector<std::uint64_t> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(random() % kRows);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

void require_right(Model& model, std::mt19937_64& random, std::size_t count) {
  const engine::ReadTransaction snapshot = model.begin_read();
  for (const std::uint64_t row : random_rows(random, count)) {
    if (model.find(snapshot, row) != model.expected(row)) throw std::runtime_error("a wrong answer");
  }
}

// An iteration fills all runs and merges them.
void change(benchmark::State& state) {
  const auto runs = static_cast<std::size_t>(state.range(0));
  Model model(runs);
  std::mt19937_64 random(1);
  std::size_t rows = 0;
  double longest = 0;
  for (auto _ : state) {
    for (std::size_t commit = 0; commit < std::max<std::size_t>(runs + 1, 20); ++commit) {
      const auto started = std::chrono::steady_clock::now();
      model.commit(random_rows(random, kRowsACommit));
      longest = std::max(longest,
                         std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
      rows += kRowsACommit;
    }
  }
  require_right(model, random, 10'000);
  state.SetItemsProcessed(static_cast<std::int64_t>(rows));
  state.counters["longest_commit_ms"] = longest * 1e3;
}

// With half of the runs full, as it is on average.
void look_up(benchmark::State& state) {
  const auto runs = static_cast<std::size_t>(state.range(0));
  Model model(runs);
  std::mt19937_64 random(1);
  for (std::size_t run = 0; run < runs / 2; ++run) model.commit(random_rows(random, kRowsACommit));
  require_right(model, random, 100'000);
  const engine::ReadTransaction snapshot = model.begin_read();
  std::uint64_t found = 0;
  std::uint64_t expected = 0;
  for (auto _ : state) {
    const std::uint64_t row = random() % kRows;
    found += model.find(snapshot, row);
    expected += model.expected(row);
  }
  if (found != expected) throw std::runtime_error("a wrong answer");
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(change)->ArgName("runs")->Arg(0)->Arg(16)->Arg(64)->Arg(256)->Iterations(2)->UseRealTime()->Unit(
    benchmark::kMillisecond);
BENCHMARK(look_up)->ArgName("runs")->Arg(0)->Arg(16)->Arg(64)->Arg(256);

}  // namespace
}  // namespace piecemark::bench

BENCHMARK_MAIN();
