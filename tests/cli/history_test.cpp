// Several processes that write and read one store, and whether what they saw is explained by one order of their transactions:
// every transaction takes the next number, moves something from one component to another, and writes down what it did;
// every snapshot is written down too. Afterwards the transactions are made again, in the order of their numbers.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <random>
#include <vector>

#include "piecemark/store.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark {
namespace {

using testing::TemporaryFolder;

constexpr std::size_t kProcesses = 4;
constexpr std::size_t kAccounts = 8;
constexpr std::int32_t kEach = 1'000;

using Accounts = std::array<std::int32_t, kAccounts>;

Uuid numbered(std::size_t number) {
  Uuid id;
  id.bytes[15] = static_cast<std::uint8_t>(number + 1);
  return id;
}
const Uuid kCounter = numbered(kAccounts);

struct Transfer {
  std::int32_t number;
  std::int32_t from;
  std::int32_t to;
  std::int32_t amount;
};
struct Snapshot {
  std::int32_t number;  // of transfers made
  Accounts accounts;
};

template <class Record>
void write_down(std::FILE* to, const Record& record) {
  if (std::fwrite(&record, sizeof record, 1, to) != 1)
    throw std::runtime_error("cannot write down what was done");
}
template <class Record>
std::vector<Record> all_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<Record> records;
  for (Record record; file.read(reinterpret_cast<char*>(&record), sizeof record);) records.push_back(record);
  return records;
}

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    Store store = Store::create(path_);
    WriteTxn txn = store.write();
    for (std::size_t i = 0; i < kAccounts; ++i) {
      txn.insert({.id = numbered(i), .piece_mark = "account", .quantity = kEach});
    }
    txn.insert({.id = kCounter, .piece_mark = "counter", .quantity = 0});
    txn.commit();
  }

  std::string transfers_of(std::size_t process) {
    return folder_.path("transfers" + std::to_string(process));
  }
  std::string snapshots_of(std::size_t process) {
    return folder_.path("snapshots" + std::to_string(process));
  }

  static void transfer(Store& store, std::mt19937_64& random, std::FILE* log) {
    const std::size_t from = random() % kAccounts;
    const std::size_t to = (from + 1 + random() % (kAccounts - 1)) % kAccounts;
    WriteTxn txn = store.write();
    const std::int32_t number = txn.get(kCounter)->quantity.value();
    const std::int32_t has = txn.get(numbered(from))->quantity.value();
    const std::int32_t amount =
        has > 0 ? static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(has)) : 0;
    txn.update(numbered(from), {.quantity = has - amount});
    txn.update(numbered(to), {.quantity = txn.get(numbered(to))->quantity.value() + amount});
    txn.update(kCounter, {.quantity = number + 1});
    txn.commit();
    write_down(log, Transfer{number, static_cast<std::int32_t>(from), static_cast<std::int32_t>(to), amount});
  }

  static void look(const Store& store, std::FILE* log) {
    const ReadTxn snapshot = store.read();
    Snapshot seen{*snapshot.get(kCounter)->quantity(), {}};
    for (std::size_t i = 0; i < kAccounts; ++i) seen.accounts[i] = *snapshot.get(numbered(i))->quantity();
    write_down(log, seen);
  }

  void work(std::size_t process, std::uint64_t transactions, Durability durability) {
    std::FILE* const transfers = std::fopen(transfers_of(process).c_str(), "wb");
    std::FILE* const snapshots = std::fopen(snapshots_of(process).c_str(), "wb");
    Store store = Store::open(path_, {.durability = durability});
    std::mt19937_64 random(testing::torture_seed() * kProcesses + process);
    for (std::uint64_t i = 0; i < transactions; ++i) {
      transfer(store, random, transfers);
      look(store, snapshots);
    }
    std::fclose(transfers);
    std::fclose(snapshots);
  }

  // Processes that do their work and nothing else; the number of those that failed.
  int run(std::uint64_t transactions, Durability durability) {
    std::array<pid_t, kProcesses> children{};
    for (std::size_t i = 0; i < kProcesses; ++i) {
      children[i] = ::fork();
      if (children[i] != 0) continue;
      int status = 1;
      try {
        work(i, transactions, durability);
        status = 0;
      } catch (const std::exception& error) {
        std::fprintf(stderr, "process %zu: %s\n", i, error.what());
      }
      ::_exit(status);
    }
    int failed = 0;
    for (const pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      if (status != 0) ++failed;
    }
    return failed;
  }

  void check(std::uint64_t transactions) {
    std::vector<Transfer> transfers;
    std::vector<Snapshot> snapshots;
    for (std::size_t i = 0; i < kProcesses; ++i) {
      const auto own = all_in<Transfer>(transfers_of(i));
      const auto seen = all_in<Snapshot>(snapshots_of(i));
      ASSERT_EQ(own.size(), transactions);
      for (std::size_t k = 0; k < own.size(); ++k) {
        ASSERT_GT(seen[k].number, own[k].number) << "a snapshot without what its process had committed";
      }
      transfers.insert(transfers.end(), own.begin(), own.end());
      snapshots.insert(snapshots.end(), seen.begin(), seen.end());
    }
    std::sort(transfers.begin(), transfers.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    std::sort(snapshots.begin(), snapshots.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    Accounts accounts;
    accounts.fill(kEach);
    std::size_t next = 0;
    for (const Snapshot& snapshot : snapshots) {
      for (; next < transfers.size() && transfers[next].number < snapshot.number; ++next) {
        ASSERT_EQ(static_cast<std::size_t>(transfers[next].number), next) << "a number taken twice, or lost";
        accounts[static_cast<std::size_t>(transfers[next].from)] -= transfers[next].amount;
        accounts[static_cast<std::size_t>(transfers[next].to)] += transfers[next].amount;
      }
      ASSERT_EQ(snapshot.accounts, accounts) << "after transaction " << snapshot.number;
    }
    EXPECT_EQ(next, transfers.size()) << "the last snapshots do not have the last transactions";
  }

  void run_and_check(Durability durability, const std::string& name, std::uint64_t transactions) {
    ASSERT_EQ(run(transactions, durability), 0);
    check(transactions);
    const std::string outcome = HasFailure() ? "no order explains it" : "one order explains all";
    testing::report_torture("processes: " + std::to_string(kProcesses) + " with " + name + " durability",
                            kProcesses * transactions, outcome);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("store");
};

// All commit as fast as they can: nobody waits until they are too late.
TEST_F(HistoryTest, FullCommitsHaveAnOrder) {
  run_and_check(Durability::full, "full", testing::tries("history", 300));
}

TEST_F(HistoryTest, RelaxedCommitsHaveAnOrder) {
  run_and_check(Durability::relaxed, "relaxed", testing::tries("history", 300));
}

}  // namespace
}  // namespace piecemark
