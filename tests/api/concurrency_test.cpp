// Threads and processes: who may write, what readers see, and what becomes of a store after fork.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/api/site.h"
#include "tests/support/sanitizers.h"

namespace piecemark::testing {
namespace {

using ::testing::HasSubstr;

// Runs `work` in a forked child, which ends without running destructors or tests; its process id.
template <class Work>
pid_t start_child(const Work& work) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  int status = 99;
  try {
    status = work();
  } catch (...) {
    status = 98;
  }
  ::_exit(status);
}

int status_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// One side tells the other that it may go on; the end of the teller tells, too.
class Signal {
 public:
  Signal() {
    if (::pipe(ends_.data()) != 0) throw std::runtime_error("cannot make a pipe");
  }
  ~Signal() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  void give() const {
    if (::write(ends_[1], "!", 1) != 1) std::abort();
  }
  void await() const {
    char byte = 0;
    if (::read(ends_[0], &byte, 1) != 1) std::abort();
  }

 private:
  std::array<int, 2> ends_{};
};

const OpenOptions kImpatient{.busy_timeout_ms = 30};

TEST(Busy, IsToldAtOnceOnTheThreadThatHoldsTheTransaction) {
  Site site;
  const WriteTxn txn = site.store.write();
  EXPECT_THAT(message_of([&] { site.store.write(); }), HasSubstr("an open write transaction of this thread"));
}

TEST(Busy, NamesAnotherThread) {
  Site site({}, kImpatient);
  const WriteTxn txn = site.store.write();
  std::string message;
  std::thread([&] { message = message_of([&] { site.store.write(); }); }).join();
  EXPECT_THAT(message, HasSubstr("busy"));
  EXPECT_THAT(message, HasSubstr("another thread of this process"));
}

TEST(Busy, NamesAnotherProcess) {
  const Site site({}, kImpatient);
  Store store = site.store;
  const Signal is_writing;
  const Signal may_end;
  const pid_t child = start_child([&] {
    Store own = Store::open(site.path);
    WriteTxn txn = own.write();
    txn.insert(girder(1, "G1"));
    is_writing.give();
    may_end.await();
    txn.commit();
    return 0;
  });
  is_writing.await();
  EXPECT_EQ(error_of([&] { store.write(); }), ErrorCode::busy);
  EXPECT_THAT(message_of([&] { store.write(); }), HasSubstr("process " + std::to_string(child)));
  EXPECT_EQ(briefly(store), "") << "reading needs no turn";
  may_end.give();
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(briefly(store), "G1 - #1");
  EXPECT_EQ(error_of([&] { store.write(); }), std::nullopt);
}

TEST(Busy, EndsWithTheProcessThatHeldTheTransaction) {
  Site site;
  const Signal is_writing;
  const pid_t child = start_child([&] {
    Store own = Store::open(site.path);
    WriteTxn txn = own.write();
    txn.insert(girder(1, "G1"));
    is_writing.give();
    ::_exit(0);
    return 0;
  });
  is_writing.await();
  site.insert(girder(2, "G2"));
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(briefly(site.store), "G2 - #2");
}

TEST(Busy, EndsWithTheOtherThread) {
  Site site;
  std::optional<WriteTxn> txn = site.store.write();
  txn->insert(girder(1, "G1"));
  std::thread other([&] { site.insert(girder(2, "G2")); });
  txn->commit();
  other.join();
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2");
}

TEST(Threads, SeeOnlyWholeCommits) {
  constexpr unsigned kCommits = 60;
  constexpr std::int32_t kRows = 8;
  Site site;
  site.write([&](WriteTxn& txn) {
    for (unsigned i = 1; i <= kRows; ++i) {
      Component component = girder(i, "G1", std::to_string(i));
      component.quantity = 0;
      txn.insert(component);
    }
  });

  std::atomic<bool> is_done{false};
  std::atomic<unsigned> torn{0};
  std::atomic<unsigned> backwards{0};
  const auto read = [&] {
    std::int32_t last = 0;
    do {
      const ReadTxn snapshot = site.store.read();
      const std::int32_t round = *snapshot.get(numbered(1))->quantity();
      std::int32_t rows = 0;
      for (const ComponentView& view : snapshot.in_drawing(kDrawing)) {
        ++rows;
        if (view.quantity() != round) ++torn;
      }
      if (rows != kRows || snapshot.component_count() != static_cast<std::uint64_t>(kRows)) ++torn;
      if (round < last) ++backwards;
      last = round;
    } while (!is_done);
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  for (unsigned commit = 1; commit <= kCommits; ++commit) {
    site.write([&](WriteTxn& txn) {
      for (unsigned i = 1; i <= kRows; ++i) {
        txn.erase(numbered(i));
        Component component = girder(i, "G1", std::to_string(i));
        component.quantity = static_cast<std::int32_t>(commit);
        txn.insert(component);
      }
    });
  }
  is_done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(backwards, 0U);
}

TEST(Threads, WriteInTurns) {
  constexpr unsigned kThreads = 3;
  constexpr unsigned kCommits = 20;
  Site site;
  const auto write = [&](unsigned thread) {
    Store own = Store::open(site.path);
    for (unsigned i = 0; i < kCommits; ++i) {
      WriteTxn txn = own.write();
      txn.insert(girder(1000 * (thread + 1) + i, "G1", txn.next_instance_identifier(kDrawing, "G1")));
      txn.commit();
    }
  };
  std::vector<std::thread> writers;
  for (unsigned i = 0; i < kThreads; ++i) writers.emplace_back(write, i);
  for (std::thread& writer : writers) writer.join();
  const ReadTxn snapshot = site.store.read();
  EXPECT_EQ(snapshot.component_count(), kThreads * kCommits);
  EXPECT_EQ(snapshot.next_instance_identifier(kDrawing, "G1"), std::to_string(kThreads * kCommits + 1));
}

TEST(Threads, ReadWhileTheMapGrows) {
  Site site({}, {.map_size_bytes = 1 << 20});
  std::atomic<bool> is_done{false};
  std::atomic<unsigned> torn{0};
  std::thread reader([&] {
    do {
      const ReadTxn snapshot = site.store.read();
      std::uint64_t rows = 0;
      for (const ComponentView& view : snapshot.scan()) rows += view.piece_mark() == "G1" ? 1U : 0U;
      if (rows != snapshot.component_count()) ++torn;
    } while (!is_done);
  });
  for (unsigned commit = 0; commit < 12; ++commit) {
    const auto fill = [&] {
      site.write([&](WriteTxn& txn) {
        for (unsigned i = 0; i < 250; ++i)
          txn.insert(girder(1 + commit * 250 + i, "G1", std::to_string(commit * 250 + i)));
      });
    };
    // The map grows when no reader is in its way; until then a full map is refused.
    while (error_of(fill) == ErrorCode::disk_full) std::this_thread::yield();
  }
  is_done = true;
  reader.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(site.store.info().components, 3'000U);
}

TEST(Threads, ASnapshotMayMoveToAnotherThread) {
  Site site;
  site.insert(girder(1, "G1"));
  ReadTxn snapshot = site.store.read();
  std::string seen;
  std::thread([&, moved = std::move(snapshot)] { seen = briefly(moved.scan()); }).join();
  EXPECT_EQ(seen, "G1 - #1");
}

TEST(Fork, TheStoreOfTheParentIsOfNoUseInTheChild) {
  Site site;
  site.insert(girder(1, "G1"));
  const std::string before = dump(site.store);
  const pid_t child = start_child([&] {
    if (error_of([&] { site.store.read(); }) != ErrorCode::forked) return 1;
    if (error_of([&] { site.store.write(); }) != ErrorCode::forked) return 2;
    if (error_of([&] { site.store.info(); }) != ErrorCode::forked) return 3;
    if (error_of([&] { migrate(site.store, 1); }) != ErrorCode::forked) return 4;
    return 0;
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(dump(site.store), before);
  site.insert(girder(2, "G2"));
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2");
}

TEST(Fork, TheChildMayOpenTheFileAgain) {
#ifdef PIECEMARK_THREAD_SANITIZER
  GTEST_SKIP() << "thread sanitizer takes a thread of the child for one of the parent";
#endif
  Site site;
  site.insert(girder(1, "G1"));
  const pid_t child = start_child([&] {
    Store own = Store::open(site.path);
    if (briefly(own) != "G1 - #1") return 1;
    WriteTxn txn = own.write();
    txn.insert(girder(2, "G2"));
    txn.commit();
    return 0;
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2");
  site.insert(girder(3, "G3"));
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2, G3 - #3");
}

TEST(Fork, ATransactionOfTheParentGoesOnInTheParentOnly) {
  Site site;
  WriteTxn txn = site.store.write();
  txn.insert(girder(1, "G1"));
  const ReadTxn snapshot = site.store.read();
  const pid_t child = start_child([&] {
    if (error_of([&] { txn.commit(); }) != ErrorCode::forked) return 1;
    { const ReadTxn taken = std::move(const_cast<ReadTxn&>(snapshot)); }
    return 0;
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(briefly(snapshot.scan()), "");
  txn.insert(girder(2, "G2"));
  txn.commit();
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2");
}

TEST(Fork, LettingGoInTheChildKeepsTheLockOfTheParent) {
  Site site;
  const Signal has_let_go;
  const pid_t bystander = start_child([&] {
    has_let_go.await();
    Store own = Store::open(site.path, kImpatient);
    return error_of([&] { own.write(); }) == ErrorCode::busy ? 0 : 1;
  });
  std::optional<WriteTxn> txn = site.store.write();
  const pid_t child = start_child([&] {
    txn.reset();
    return 0;
  });
  EXPECT_EQ(status_of(child), 0);
  has_let_go.give();
  EXPECT_EQ(status_of(bystander), 0);
  txn->insert(girder(1, "G1"));
  txn->commit();
  EXPECT_EQ(briefly(site.store), "G1 - #1");
}

TEST(Fork, GeneratedIdsDiffer) {
  const Uuid mine = Uuid::generate();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = start_child([&] {
    const Uuid own = Uuid::generate();
    return ::write(ends[1], own.bytes.data(), own.bytes.size()) == 16 ? 0 : 1;
  });
  const Uuid next = Uuid::generate();
  Uuid theirs;
  EXPECT_EQ(::read(ends[0], theirs.bytes.data(), theirs.bytes.size()), 16);
  EXPECT_EQ(status_of(child), 0);
  EXPECT_NE(theirs, next);
  EXPECT_NE(theirs, mine);
  ::close(ends[0]);
  ::close(ends[1]);
}

constexpr unsigned kGroupedThreads = 4;
constexpr unsigned kGroupedChanges = 50;

// Every thread inserts its own rows, and tries one that all others try too.
TEST(GroupedWrites, AreAsIfMadeOneAfterTheOther) {
  Site site;
  std::atomic<unsigned> refused{0};
  const auto write = [&](unsigned thread) {
    for (unsigned i = 0; i < kGroupedChanges; ++i) {
      const unsigned number = 1000 * (thread + 1) + i;
      site.store.write_grouped(
          [&](WriteTxn& txn) { txn.insert(girder(number, "G" + std::to_string(number))); });
      const auto take_contested = [&](WriteTxn& txn) {
        txn.insert(girder(number + 500, "before the refused one " + std::to_string(number)));
        txn.insert(girder(100'000 + 1000 * thread + i, "contested", std::to_string(i)));
      };
      if (error_of([&] { site.store.write_grouped(take_contested); }) == ErrorCode::unique_violation)
        ++refused;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kGroupedThreads; ++thread) threads.emplace_back(write, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, (kGroupedThreads - 1) * kGroupedChanges) << "each contested row goes to one thread";
  const ReadTxn snapshot = site.store.read();
  EXPECT_EQ(snapshot.component_count(), kGroupedThreads * kGroupedChanges + 2 * kGroupedChanges);
  EXPECT_EQ(verify(snapshot).problem_count, 0U);
}

TEST(GroupedWrites, GiveTheirExceptionToTheirCallerAndLeaveNothing) {
  Site site;
  const auto change = [](WriteTxn& txn) {
    txn.insert(girder(1, "G1"));
    throw std::runtime_error("no");
  };
  EXPECT_THROW(site.store.write_grouped(change), std::runtime_error);
  EXPECT_EQ(briefly(site.store), "");
  site.store.write_grouped([](WriteTxn& txn) { txn.insert(girder(2, "G2")); });
  EXPECT_EQ(briefly(site.store), "G2 - #2");
}

TEST(GroupedWrites, AreNotMadeWithinOneAnother) {
  Site site;
  const auto change = [](WriteTxn&) {};
  EXPECT_EQ(error_of([&] { site.store.write_grouped([&](WriteTxn&) { site.store.write_grouped(change); }); }),
            ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { site.store.write_grouped(change); }), std::nullopt);
}

TEST(GroupedWrites, LeaveTheEndOfTheTransactionToTheGroup) {
  Site site;
  EXPECT_EQ(error_of([&] { site.store.write_grouped([](WriteTxn& txn) { txn.commit(); }); }),
            ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { site.store.write_grouped([](WriteTxn& txn) { txn.rollback(); }); }),
            ErrorCode::invalid_use);
}

}  // namespace
}  // namespace piecemark::testing
