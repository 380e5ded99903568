// Compactions among processes that read and write all the time, and compactions that are killed. Every process checks that
// each snapshot has all that was acknowledged before it began. PIECEMARK_SECONDS makes the first one last longer.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using testing::TemporaryFolder;

constexpr std::size_t kWriters = 2;

// What the processes know of one another.
struct Shared {
  std::atomic<bool> is_over;
  std::array<std::atomic<std::int32_t>, kWriters> acknowledged;
  std::atomic<std::uint64_t> commits;
  std::atomic<std::uint64_t> snapshots;
};

class SharedMemory {
 public:
  SharedMemory()
      : shared_(static_cast<Shared*>(
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedMemory() { ::munmap(shared_, sizeof(Shared)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  Shared* operator->() const { return shared_; }

 private:
  Shared* shared_;
};

enum Outcome : int { held = 0, error = 3, lost = 4, torn = 5 };

class CompactionTest : public ::testing::Test {
 protected:
  CompactionTest() {
    Store store = Store::create(path_);
    WriteTxn txn = store.write();
    for (int i = 0; i < 2000; ++i) txn.insert({.piece_mark = "G" + std::to_string(i)});
    for (const Uuid& id : ids_) txn.insert({.id = id, .piece_mark = "counter", .quantity = 0});
    txn.commit();
  }
  ~CompactionTest() override {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

  // A process that works until it is over.
  void start(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      int outcome = error;
      try {
        outcome = work();
      } catch (const std::exception& failure) {
        std::fprintf(stderr, "process %d: %s\n", ::getpid(), failure.what());
      }
      ::_exit(outcome);
    }
    children_.push_back(child);
  }

  // Each commit counts one further, in two places, and leaves pages behind.
  int write_all_the_time(std::size_t writer) {
    Store store = Store::open(path_);
    const Uuid& id = ids_[writer];
    std::optional<Uuid> last;
    for (std::int32_t round = 1; !shared_->is_over; ++round) {
      WriteTxn txn = store.write();
      if (txn.get(id)->quantity != round - 1) return lost;
      txn.update(id, {.quantity = round, .material_type = std::to_string(round)});
      if (last) txn.erase(*last);
      last = txn.insert({.piece_mark = "row", .bounding_box = "[" + std::string(1000, '1') + "]"});
      txn.commit();
      shared_->acknowledged[writer] = round;
      ++shared_->commits;
      // The turn goes to whoever asks for it first: this leaves it to others.
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return held;
  }

  int check(const Store& store) {
    std::array<std::int32_t, kWriters> before{};
    for (std::size_t i = 0; i < kWriters; ++i) before[i] = shared_->acknowledged[i];
    const ReadTxn snapshot = store.read();
    for (std::size_t i = 0; i < kWriters; ++i) {
      const auto counter = snapshot.get(ids_[i]);
      if (!counter || *counter->quantity() < before[i]) return lost;
      if (*counter->quantity() > 0 && counter->material_type() != std::to_string(*counter->quantity()))
        return torn;
    }
    if (snapshot.component_count() < 2000) return torn;
    ++shared_->snapshots;
    return held;
  }

  int read_all_the_time() {
    const Store store = Store::open(path_, {.read_only = true});
    while (!shared_->is_over) {
      if (const int outcome = check(store)) return outcome;
    }
    return held;
  }

  int open_all_the_time() {
    while (!shared_->is_over) {
      if (const int outcome = check(Store::open(path_, {.read_only = ::getpid() % 2 == 0}))) return outcome;
    }
    return held;
  }

  void start_all() {
    for (std::size_t i = 0; i < kWriters; ++i) start([this, i] { return write_all_the_time(i); });
    start([this] { return read_all_the_time(); });
    start([this] { return open_all_the_time(); });
  }

  void end_all() {
    shared_->is_over = true;
    for (const pid_t child : children_) {
      int status = -1;
      ::waitpid(child, &status, 0);
      EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
      EXPECT_EQ(WEXITSTATUS(status), held) << "3: an error; 4: an acknowledged commit is lost; 5: torn";
    }
    children_.clear();
    const Store store = Store::open(path_);
    EXPECT_EQ(check(store), held);
    EXPECT_TRUE(verify(store.read()).is_clean());
    for (std::size_t i = 0; i < kWriters; ++i) EXPECT_GT(shared_->acknowledged[i], 0);
  }

  // Names in the folder that belong neither to the store nor to a file in creation.
  std::set<std::string> strangers() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path(""))) {
      const std::string name = entry.path().filename();
      if (name != "site.pmk" && name != "site.pmk-lock" && !name.starts_with("site.pmk.new-"))
        names.insert(name);
    }
    return names;
  }
  std::ptrdiff_t files() const { return std::distance(fs::directory_iterator(folder_.path("")), {}); }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("site.pmk");
  SharedMemory shared_;
  std::array<Uuid, kWriters> ids_{Uuid::generate(), Uuid::generate()};
  std::vector<pid_t> children_;
};

TEST_F(CompactionTest, AgainAndAgainLosesNothing) {
  start_all();
  const char* given = std::getenv("PIECEMARK_SECONDS");
  const auto end = Clock::now() + std::chrono::seconds(given != nullptr ? std::atoi(given) : 4);
  std::uint64_t compactions = 0;
  {
    Store store = Store::open(path_);
    for (; Clock::now() < end; ++compactions) store.compact();
  }
  end_all();
  EXPECT_GT(compactions, 2U);
  EXPECT_EQ(files(), 2);
  const std::string outcome = std::to_string(shared_->commits) + " commits, " +
                              std::to_string(shared_->snapshots) + " snapshots, nothing lost";
  std::printf("%lu compactions, %s\n", compactions, outcome.c_str());
  testing::report_torture("compactions among processes", compactions, outcome);
}

TEST_F(CompactionTest, KilledAtAnyInstantLeavesOneWholeFile) {
  const std::uint64_t kills = testing::tries("compaction_kills", 100);
  start_all();
  std::mt19937_64 random(testing::torture_seed());
  std::uint64_t killed = 0;
  auto longest = std::chrono::microseconds(5'000);
  for (std::uint64_t i = 0; i < kills; ++i) {
    testing::Background compacting({PIECEMARK_PROGRAM, "compact", path_});
    const auto started = Clock::now();
    const bool is_left_alone = i % 10 == 0;  // Tells how long it takes.
    if (!is_left_alone) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(0, longest.count())(random)));
      compacting.send(SIGKILL);
    }
    const int status = compacting.wait();
    if (status == 128 + SIGKILL) {
      ++killed;
    } else {
      EXPECT_EQ(status, 0);
      if (is_left_alone)
        longest = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
    }
    const auto writing = Clock::now();
    const std::uint64_t commits = shared_->commits;
    while (shared_->commits < commits + 2 && Clock::now() < writing + std::chrono::seconds(60))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_GE(shared_->commits, commits + 2) << "the survivors write on";
    ASSERT_EQ(strangers(), std::set<std::string>());
  }
  end_all();
  EXPECT_GT(killed, 0U);
  Store::open(path_).compact();
  EXPECT_EQ(files(), 2) << "what killed compactions have left is gone";
  const std::string outcome = std::to_string(killed) + " killed, " + std::to_string(shared_->commits) +
                              " commits of survivors, nothing lost";
  std::printf("%lu compactions, %s\n", kills, outcome.c_str());
  testing::report_torture("SIGKILL of compact", kills, outcome);
}

}  // namespace
}  // namespace piecemark
