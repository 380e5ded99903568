// Write transactions that are begun on one thread and end on another.
#include "engine/writer_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

#include "engine/environment.h"
#include "engine/file_locks.h"
#include "engine/write_lock.h"
#include "tests/api/site.h"

namespace piecemark::engine {
namespace {

using testing::error_of;
using testing::girder;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 1> kTables{"table"};
constexpr std::uint32_t kPatienceMs = 60'000;
constexpr std::uint32_t kAtOnce = 0;

// A thread that does one thing after the other, when it is asked to.
class Worker {
 public:
  Worker() : thread_([this] { serve(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { end(); }

  void start(std::function<void()> work) {
    work_ = std::move(work);
    is_asked_.release();
  }
  void await() { is_done_.acquire(); }
  void run(std::function<void()> work) {
    start(std::move(work));
    await();
  }
  void end() {
    if (!thread_.joinable()) return;
    start({});
    thread_.join();
  }

 private:
  void serve() {
    for (;;) {
      is_asked_.acquire();
      if (!work_) return;
      work_();
      is_done_.release();
    }
  }

  std::function<void()> work_;
  std::binary_semaphore is_asked_{0};
  std::binary_semaphore is_done_{0};
  std::thread thread_;
};

TEST(WriterThread, RunsEverythingOnOneThread) {
  WriterThread writer;
  writer.start();
  std::set<std::thread::id> threads;
  std::string order;
  for (char name = 'a'; name <= 'e'; ++name) {
    auto work = [&]() noexcept {
      threads.insert(std::this_thread::get_id());
      order += name;
    };
    std::thread([&] {
      writer.start();
      writer.run(WriterThread::Kind::begin, work);
    }).join();
  }
  EXPECT_EQ(order, "abcde");
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(WriterThread, EndsWithoutHavingBeenStarted) {
  const WriterThread writer;
}

class HandOverTest : public ::testing::Test {
 protected:
  HandOverTest() {
    Environment::create(folder_.path("store"), kTables, [](WriteTransaction&) {});
    environment_ = Environment::open(folder_.path("store"), kTables, {.busy_timeout_ms = kPatienceMs});
  }

  Table table() const { return environment_->table(0); }
  std::string content() const {
    const ReadTransaction snapshot = environment_->begin_read();
    std::string text;
    Cursor cursor(snapshot, table());
    for (bool found = cursor.first(); found; found = cursor.next()) text.append(cursor.key()).append(" ");
    return text;
  }
  void put(std::string_view key) {
    WriteTransaction transaction = environment_->begin_write(kAtOnce);
    transaction.put(table(), key, "");
    transaction.commit();
  }

  TemporaryFolder folder_;
  std::shared_ptr<Environment> environment_;
};

enum class End { commit, destruction, assignment, failed_commit };

// Begun on one thread, which lives on or not, and ended on this one, with a change of its own or without: whatever the end,
// either thread begins the next one at once.
TEST_F(HandOverTest, AnyEndOnAnyThreadLetsTheNextWriterIn) {
  int number = 0;
  std::string expected;
  for (const End end : {End::commit, End::destruction, End::assignment, End::failed_commit}) {
    for (const bool first_lives_on : {true, false}) {
      for (const bool is_used_here : {true, false}) {
        const std::string name = std::to_string(100 + ++number);
        Worker first;
        std::optional<WriteTransaction> transaction;
        first.run([&] {
          transaction = environment_->begin_write(kAtOnce);
          transaction->put(table(), name + " there", "");
        });
        if (!first_lives_on) first.end();
        if (is_used_here) transaction->put(table(), name + " here", "");
        switch (end) {
          case End::commit:
            transaction->commit();
            expected += (is_used_here ? name + " here " : "") + name + " there ";
            break;
          case End::destruction:
            transaction.reset();
            break;
          case End::assignment: {
            WriteTransaction other = std::move(*transaction);
            *transaction = std::move(other);
            const WriteTransaction last = std::move(*transaction);
            break;
          }
          case End::failed_commit:
            transaction->poison();
            EXPECT_EQ(error_of([&] { transaction->commit(); }), ErrorCode::invalid_use);
            transaction.reset();
            break;
        }
        EXPECT_EQ(error_of([&] { put(name + "a"); }), std::nullopt) << name;
        expected += name + "a ";
        if (first_lives_on) {
          first.run([&] { EXPECT_EQ(error_of([&] { put(name + "b"); }), std::nullopt) << name; });
          expected += name + "b ";
        }
        std::thread([&] { EXPECT_EQ(error_of([&] { put(name + "c"); }), std::nullopt) << name; }).join();
        expected += name + "c ";
      }
    }
  }
  // Sorted: "101 here" is before "101a".
  EXPECT_EQ(content(), expected);
}

TEST_F(HandOverTest, TheThreadThatBeganItWaitsOnceAnotherOneUsesIt) {
  Worker first;
  std::optional<WriteTransaction> transaction;
  first.run([&] { transaction = environment_->begin_write(kAtOnce); });
  transaction->put(table(), "1", "");
  std::binary_semaphore is_waiting{0};
  std::atomic<bool> is_told{false};
  std::string order;
  first.start([&] {
    WriteTransaction next = environment_->begin_write(kPatienceMs, [&] {
      if (!is_told.exchange(true)) is_waiting.release();
    });
    order += "began ";
    next.put(table(), "2", "");
    next.commit();
  });
  is_waiting.acquire();
  order += "committed ";
  transaction->commit();
  first.await();
  EXPECT_EQ(order, "committed began ");
  EXPECT_EQ(content(), "1 2 ");
}

TEST_F(HandOverTest, TheThreadThatUsedItLastIsRefusedAtOnce) {
  Worker other;
  WriteTransaction transaction = environment_->begin_write();
  const auto begin = [&] { return environment_->begin_write(kPatienceMs); };
  EXPECT_EQ(error_of(begin), ErrorCode::busy);
  other.run([&] {
    transaction.put(table(), "1", "");
    EXPECT_EQ(error_of(begin), ErrorCode::busy);
  });
  EXPECT_EQ(error_of([&] { environment_->begin_write(kAtOnce); }), ErrorCode::busy)
      << "in vain, for want of time";
  transaction.put(table(), "2", "");
  EXPECT_EQ(error_of(begin), ErrorCode::busy);
  other.run([&] { transaction.commit(); });
  EXPECT_EQ(error_of(begin), std::nullopt);
  EXPECT_EQ(content(), "1 2 ");
}

// Two threads begin transactions without pause, and a third one ends them: every third by rolling it back.
TEST_F(HandOverTest, TwoThreadsHandOverTwoHundredEach) {
  constexpr int kHandOvers = 200;
  struct Desk {
    std::optional<WriteTransaction> transaction;
    std::binary_semaphore is_handed_over{0};
    std::binary_semaphore has_ended{0};
    std::thread thread;
  };
  std::array<Desk, 2> desks;
  std::array<std::thread, 2> enders;
  for (std::size_t i = 0; i < desks.size(); ++i) {
    Desk& desk = desks.at(i);
    const auto key = [i](int number) {
      return std::string(1, static_cast<char>('a' + i)) + std::to_string(1000 + number);
    };
    desk.thread = std::thread([&, key] {
      for (int number = 0; number < kHandOvers; ++number) {
        desk.transaction = environment_->begin_write(kPatienceMs);
        desk.transaction->put(table(), key(number), "");
        desk.is_handed_over.release();
        desk.has_ended.acquire();
      }
    });
    enders.at(i) = std::thread([&] {
      for (int number = 0; number < kHandOvers; ++number) {
        desk.is_handed_over.acquire();
        if (number % 3 != 0) desk.transaction->commit(Durability::relaxed);
        desk.transaction.reset();
        desk.has_ended.release();
      }
    });
  }
  for (Desk& desk : desks) desk.thread.join();
  for (std::thread& ender : enders) ender.join();
  std::string expected;
  for (const char name : {'a', 'b'}) {
    for (int number = 0; number < kHandOvers; ++number)
      if (number % 3 != 0) expected += name + std::to_string(1000 + number) + " ";
  }
  EXPECT_EQ(content(), expected);
}

// -------------------------------------------------------------------------------------------------- The write lock

class WriteLockTest : public ::testing::Test {
 protected:
  WriteLockTest() {
    EXPECT_FALSE(os::open_file(path_, os::Access::read_write, file_));
    locks_.emplace(file_.descriptor(), path_);
    lock_.emplace(*locks_, path_);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.write("store", "");
  os::File file_;
  std::optional<FileLocks> locks_;
  std::optional<WriteLock> lock_;
};

// Each keeps the lock until the other waits for it, lets go, and wants it again at once.
TEST_F(WriteLockTest, AThreadThatWantsItAgainComesAfterTheOneThatWaited) {
  constexpr int kTurns = 8;
  std::string order;  // of those who had the lock
  std::array<std::atomic<bool>, 2> waits{};
  std::atomic<bool> is_over{false};
  const auto write = [&](std::size_t own) {
    for (int turn = 0; turn < kTurns; ++turn) {
      lock_->acquire(kPatienceMs, [&] { waits.at(own) = true; });
      waits.at(own) = false;
      order += static_cast<char>('a' + own);
      while (!waits.at(1 - own) && !is_over) std::this_thread::yield();
      if (turn + 1 == kTurns) is_over = true;
      lock_->release();
    }
  };
  std::thread other(write, 1);
  write(0);
  other.join();
  std::string expected;
  for (int turn = 0; turn < kTurns; ++turn) expected += order[0] == 'a' ? "ab" : "ba";
  EXPECT_EQ(order, expected);
}

TEST_F(WriteLockTest, GivingUpLeavesItToOthers) {
  lock_->acquire(kAtOnce);
  Worker other;
  other.run([&] {
    EXPECT_THROW(lock_->acquire(kPatienceMs, [] { throw std::runtime_error("enough"); }), std::runtime_error);
    EXPECT_EQ(error_of([&] { lock_->acquire(1); }), ErrorCode::busy);
    EXPECT_FALSE(lock_->try_acquire());
  });
  lock_->release();
  other.run([&] {
    EXPECT_TRUE(lock_->try_acquire());
    lock_->release();
  });
  lock_->acquire(kAtOnce);
  lock_->release();
}

// ---------------------------------------------------------------------------------------------- The public interface

using testing::briefly;
using testing::Site;

TEST(HandOver, OfAWriteTxnEndsAnywhere) {
  Site site({}, {.busy_timeout_ms = kAtOnce});
  std::string expected;
  unsigned number = 10;
  for (const bool is_committed : {true, false}) {
    for (const bool first_lives_on : {true, false}) {
      for (const bool is_rolled_back : {true, false}) {
        if (is_committed && is_rolled_back) continue;
        const unsigned id = ++number;
        Worker first;
        std::optional<WriteTxn> txn;
        first.run([&] {
          txn = site.store.write();
          txn->insert(girder(id, "G" + std::to_string(id)));
        });
        if (!first_lives_on) first.end();
        if (is_committed) txn->commit();
        if (is_rolled_back) txn->rollback();
        txn.reset();
        const unsigned next = ++number;
        const auto write_grouped = [&] {
          site.store.write_grouped(
              [&](WriteTxn& own) { own.insert(girder(next, "G" + std::to_string(next))); });
        };
        if (first_lives_on) {
          first.run([&] { EXPECT_EQ(error_of(write_grouped), std::nullopt); });
        } else {
          EXPECT_EQ(error_of(write_grouped), std::nullopt);
        }
        for (const unsigned written : {is_committed ? id : 0, next}) {
          if (written == 0) continue;
          expected +=
              (expected.empty() ? "G" : ", G") + std::to_string(written) + " - #" + std::to_string(written);
        }
        EXPECT_EQ(briefly(site.store), expected);
      }
    }
  }
}

TEST(HandOver, IsWaitedForByAGroupedWriteOfTheThreadThatBegan) {
  Site site({}, {.busy_timeout_ms = kPatienceMs});
  Worker first;
  std::optional<WriteTxn> txn;
  first.run([&] { txn = site.store.write(); });
  txn->insert(girder(1, "G1"));
  std::string order;
  first.start([&] {
    site.store.write_grouped([&](WriteTxn& own) {
      order += "grouped ";
      own.insert(girder(2, "G2"));
    });
  });
  std::this_thread::yield();
  txn->insert(girder(3, "G3"));
  order += "committed ";
  txn->commit();
  first.await();
  EXPECT_EQ(order, "committed grouped ");
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2, G3 - #3");
}

TEST(HandOver, GoesOnBesideGroupedWritesOfOtherThreads) {
  constexpr unsigned kWrites = 40;
  Site site({}, {.busy_timeout_ms = kPatienceMs});
  const auto write_grouped = [&](unsigned thread) {
    for (unsigned i = 0; i < kWrites; ++i) {
      const unsigned id = 1000 * thread + i;
      site.store.write_grouped([&](WriteTxn& txn) { txn.insert(girder(id, "G" + std::to_string(id))); });
    }
  };
  std::thread one(write_grouped, 1);
  std::thread two(write_grouped, 2);
  Worker ender;
  for (unsigned i = 0; i < kWrites; ++i) {
    std::optional<WriteTxn> txn = site.store.write();
    txn->insert(girder(5000 + i, "G" + std::to_string(5000 + i)));
    ender.run([&] {
      if (i % 2 == 0) txn->commit();
      txn.reset();
    });
  }
  one.join();
  two.join();
  EXPECT_EQ(site.store.read().component_count(), 2 * kWrites + kWrites / 2);
  EXPECT_EQ(verify(site.store.read()).problem_count, 0U);
}

// Tasks of all lengths around the time for which both threads spin, and now and then a longer one, after which they do not.
// Without a wake-up it does not end; one that is lost once in millions it meets by luck only.
TEST(WriterThreadTest, NoHandOverIsLost) {
  constexpr int kTasks = 100'000;
  WriterThread thread;
  thread.start();
  int done = 0;
  for (int task = 0; task < kTasks; ++task) {
    const auto pause = [&](int way) {
      const auto end = std::chrono::steady_clock::now() +
                       std::chrono::nanoseconds(task % 100 == 0 ? 600'000 : task * way % 30'000);
      while (task % 2 == 0 && std::chrono::steady_clock::now() < end) continue;
    };
    auto work = [&]() noexcept {
      pause(7);
      ++done;
    };
    thread.run(task % 3 == 0 ? WriterThread::Kind::begin : WriterThread::Kind::end, work);
    pause(11);
  }
  EXPECT_EQ(done, kTasks);
}

}  // namespace
}  // namespace piecemark::engine
