// What transactions cost beside those of LMDB alone: locks with names, commits that are noted, files that are watched for
// being overwritten. Each turn times the engine and LMDB one after the other, with tables of the same rows; who comes first
// changes every turn. `of_lmdb` is the engine's time as a multiple of LMDB's.
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

#include "engine/environment.h"

namespace piecemark::bench {
namespace {

constexpr std::int64_t kRows = 10'000;
constexpr std::array<std::string_view, 2> kTables{"rows", "engine"};

std::string key_of(std::uint64_t turn) {
  return "row " + std::to_string(turn % kRows);
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

// The engine, alone with its file, as LMDB below.
class Engine {
 public:
  explicit Engine(const std::string& path) {
    const auto fill = [](engine::WriteTransaction& transaction) {
      for (std::uint64_t row = 0; row < kRows; ++row)
        transaction.put(transaction.environment()->table(0), key_of(row), key_of(row));
    };
    engine::Environment::create(path, kTables, fill, {.notes_table = 1});
    environment_ = engine::Environment::open(path, kTables, {.notes_table = 1});
    rows_ = environment_->table(0);
  }

  std::size_t read(const std::string& key) {
    const auto transaction = environment_->begin_read();
    return transaction.get(rows_, key).value().size();
  }
  std::size_t idle(const std::string& key) {
    const auto transaction = environment_->begin_write();
    return key.size();
  }
  std::size_t commit(const std::string& key) {
    auto transaction = environment_->begin_write();
    transaction.put(rows_, key, key);
    transaction.commit(Durability::relaxed);
    return key.size();
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
    for (std::uint64_t row = 0; row < kRows; ++row) put(transaction, key_of(row));
    check(mdb_txn_commit(transaction));
  }
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;
  ~Lmdb() { mdb_env_close(environment_); }

  std::size_t read(const std::string& key) {
    MDB_txn* const transaction = begin(MDB_RDONLY);
    MDB_val name = value_of(key);
    MDB_val found{};
    check(mdb_get(transaction, rows_, &name, &found));
    mdb_txn_abort(transaction);
    return found.mv_size;
  }
  std::size_t idle(const std::string& key) {
    mdb_txn_abort(begin(0));
    return key.size();
  }
  std::size_t commit(const std::string& key) {
    MDB_txn* const transaction = begin(0);
    put(transaction, key);
    check(mdb_txn_commit(transaction));
    return key.size();
  }

 private:
  static void check(int code) {
    if (code != MDB_SUCCESS) throw std::runtime_error(mdb_strerror(code));
  }
  static MDB_val value_of(const std::string& text) { return {text.size(), const_cast<char*>(text.data())}; }
  MDB_txn* begin(unsigned flags) {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, flags, &transaction));
    return transaction;
  }
  void put(MDB_txn* transaction, const std::string& key) {
    MDB_val name = value_of(key);
    MDB_val value = value_of(key);
    check(mdb_put(transaction, rows_, &name, &value, 0));
  }

  MDB_env* environment_ = nullptr;
  MDB_dbi rows_ = 0;
};

// So many transactions of each a turn.
template <class OfEngine, class OfLmdb>
void compare(benchmark::State& state, std::uint64_t a_turn, OfEngine of_engine, OfLmdb of_lmdb) {
  const Folder folder;
  Engine engine(folder.file("engine"));
  Lmdb lmdb(folder.file("lmdb"));
  std::array<double, 2> seconds{};
  std::array<std::size_t, 2> sums{};
  std::uint64_t done = 0;
  const auto run = [&](std::size_t which, const auto& transaction) {
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < a_turn; ++i) sums.at(which) += transaction(key_of(done + i));
    seconds.at(which) += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  const auto run_engine = [&] { run(0, [&](const std::string& key) { return (engine.*of_engine)(key); }); };
  const auto run_lmdb = [&] { run(1, [&](const std::string& key) { return (lmdb.*of_lmdb)(key); }); };
  bool is_engine_first = true;
  for ([[maybe_unused]] auto _ : state) {
    is_engine_first ? run_engine() : run_lmdb();
    is_engine_first ? run_lmdb() : run_engine();
    is_engine_first = !is_engine_first;
    done += a_turn;
  }
  if (sums[0] != sums[1]) throw std::runtime_error("read other rows");
  state.counters["s_engine"] = seconds[0] / static_cast<double>(done);
  state.counters["s_lmdb"] = seconds[1] / static_cast<double>(done);
  state.counters["of_lmdb"] = seconds[0] / seconds[1];
}

constexpr std::uint64_t kShort = 1'000;
constexpr std::uint64_t kWithDisk = 10;
BENCHMARK_CAPTURE(compare, read, kShort, &Engine::read, &Lmdb::read);
BENCHMARK_CAPTURE(compare, idle, kShort, &Engine::idle, &Lmdb::idle);
BENCHMARK_CAPTURE(compare, commit, kWithDisk, &Engine::commit, &Lmdb::commit);

}  // namespace
}  // namespace piecemark::bench

BENCHMARK_MAIN();
