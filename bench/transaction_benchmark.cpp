// What transactions cost beside those of LMDB alone: locks with names, commits that are noted, files that are watched for
// being overwritten. Each turn times the engine and LMDB one after the other, with tables of the same rows; who comes first
// changes every turn. `of_lmdb` is the engine's time as a multiple of LMDB's. In the end both must have read the same, and
// hold what a plain model holds.
//   read    begins, reads one row, ends
//   idle    begins to write and ends without a change
//   commit  writes one row; relaxed, with LMDB's MDB_NOMETASYNC
//
//   bin/transaction_benchmark --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#include <lmdb.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/bytes.h"
#include "engine/environment.h"

namespace piecemark::bench {
namespace {

constexpr std::uint64_t kRows = 10'000;
constexpr std::array<std::string_view, 2> kTables{"rows", "engine"};

// The names of the rows; made once, so that nobody's time is that of making them.
const std::vector<std::string>& keys() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    for (std::uint64_t row = 0; row < kRows; ++row) made.push_back("row " + std::to_string(row));
    return made;
  }();
  return all;
}

// A transaction of a benchmark: its number says which row, and what it writes.
struct Turn {
  std::uint64_t number = 0;
  const std::string& key() const { return keys()[number % kRows]; }
  std::string_view value() const { return {reinterpret_cast<const char*>(&number), sizeof number}; }
};

std::uint64_t number_in(std::string_view value) {
  if (value.size() != sizeof(std::uint64_t)) throw std::runtime_error("a value of another size");
  return engine::load<std::uint64_t>(value.data());
}

class Folder {
 public:
  Folder() { std::filesystem::create_directories(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("transaction_benchmark." + std::to_string(::getpid()));
};

// The engine, alone with its file, as LMDB below. What is read is the number of the turn that has written it.
class Engine {
 public:
  explicit Engine(const std::string& path) {
    const auto fill = [](engine::WriteTransaction& transaction) {
      for (std::uint64_t row = 0; row < kRows; ++row)
        transaction.put(transaction.environment()->table(0), Turn{row}.key(), Turn{row}.value());
    };
    engine::Environment::create(path, kTables, fill, {.notes_table = 1});
    environment_ = engine::Environment::open(path, kTables, {.notes_table = 1});
    rows_ = environment_->table(0);
  }

  std::uint64_t read(const Turn& turn) {
    const auto transaction = environment_->begin_read();
    return number_in(transaction.get(rows_, turn.key()).value());
  }
  std::uint64_t idle(const Turn& /*turn*/) {
    const auto transaction = environment_->begin_write();
    return 0;
  }
  std::uint64_t commit(const Turn& turn) {
    auto transaction = environment_->begin_write();
    transaction.put(rows_, turn.key(), turn.value());
    transaction.commit(Durability::relaxed);
    return 0;
  }

 private:
  std::shared_ptr<engine::Environment> environment_;
  engine::Table rows_;
};

class Lmdb {
 public:
  explicit Lmdb(const std::string& path) {
    constexpr unsigned kPermissions = 0600;
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, std::size_t{64} << 30));
    check(mdb_env_set_maxdbs(environment_, kTables.size()));
    check(mdb_env_open(environment_, path.c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMETASYNC, kPermissions));
    MDB_txn* const transaction = begin(0);
    check(mdb_dbi_open(transaction, kTables[0].data(), MDB_CREATE, &rows_));
    for (std::uint64_t row = 0; row < kRows; ++row) put(transaction, {row});
    check(mdb_txn_commit(transaction));
  }
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;
  ~Lmdb() { mdb_env_close(environment_); }

  std::uint64_t read(const Turn& turn) {
    MDB_txn* const transaction = begin(MDB_RDONLY);
    MDB_val key = value_of(turn.key());
    MDB_val found{};
    check(mdb_get(transaction, rows_, &key, &found));
    const std::uint64_t number = number_in({static_cast<const char*>(found.mv_data), found.mv_size});
    mdb_txn_abort(transaction);
    return number;
  }
  std::uint64_t idle(const Turn& /*turn*/) {
    mdb_txn_abort(begin(0));
    return 0;
  }
  std::uint64_t commit(const Turn& turn) {
    MDB_txn* const transaction = begin(0);
    put(transaction, turn);
    check(mdb_txn_commit(transaction));
    return 0;
  }

 private:
  static void check(int code) {
    if (code != MDB_SUCCESS) throw std::runtime_error(mdb_strerror(code));
  }
  static MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
  MDB_txn* begin(unsigned flags) {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, flags, &transaction));
    return transaction;
  }
  void put(MDB_txn* transaction, const Turn& turn) {
    MDB_val key = value_of(turn.key());
    MDB_val value = value_of(turn.value());
    check(mdb_put(transaction, rows_, &key, &value, 0));
  }

  MDB_env* environment_ = nullptr;
  MDB_dbi rows_ = 0;
};

// The turn that has last written a row, after so many turns of which each wrote one, or none.
std::uint64_t last_write(std::uint64_t row, std::uint64_t turns, bool writes) {
  if (!writes || turns <= row) return row;
  return row + (turns - 1 - row) / kRows * kRows;
}

// So many transactions of each a turn.
template <class OfEngine, class OfLmdb>
void compare(benchmark::State& state, std::uint64_t a_turn, bool writes, OfEngine of_engine, OfLmdb of_lmdb) {
  const Folder folder;
  Engine engine(folder.file("engine"));
  Lmdb lmdb(folder.file("lmdb"));
  std::array<double, 2> seconds{};
  std::array<std::uint64_t, 2> sums{};
  std::uint64_t done = 0;
  const auto run = [&](std::size_t which, const auto& transaction) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < a_turn; ++i) sums.at(which) += transaction({done + i});
    seconds.at(which) += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  const auto run_engine = [&] { run(0, [&](const Turn& turn) { return (engine.*of_engine)(turn); }); };
  const auto run_lmdb = [&] { run(1, [&](const Turn& turn) { return (lmdb.*of_lmdb)(turn); }); };
  bool is_engine_first = true;
  for ([[maybe_unused]] auto _ : state) {
    is_engine_first ? run_engine() : run_lmdb();
    is_engine_first ? run_lmdb() : run_engine();
    is_engine_first = !is_engine_first;
    done += a_turn;
  }
  if (sums[0] != sums[1]) throw std::runtime_error("read other rows");
  for (std::uint64_t row = 0; row < kRows; ++row) {
    const std::uint64_t number = last_write(row, done, writes);
    if (engine.read({row}) != number || lmdb.read({row}) != number)
      throw std::runtime_error("holds another row " + std::to_string(row));
  }
  state.counters["s_engine"] = seconds[0] / static_cast<double>(done);
  state.counters["s_lmdb"] = seconds[1] / static_cast<double>(done);
  state.counters["of_lmdb"] = seconds[0] / seconds[1];
}

constexpr std::uint64_t kShort = 1'000;
constexpr std::uint64_t kWithDisk = 10;
BENCHMARK_CAPTURE(compare, read, kShort, false, &Engine::read, &Lmdb::read);
BENCHMARK_CAPTURE(compare, idle, kShort, false, &Engine::idle, &Lmdb::idle);
BENCHMARK_CAPTURE(compare, commit, kWithDisk, true, &Engine::commit, &Lmdb::commit);

}  // namespace
}  // namespace piecemark::bench

BENCHMARK_MAIN();
