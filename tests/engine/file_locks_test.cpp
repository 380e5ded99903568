// The lock protocol with real processes: all pairs and triples of what they can be doing, who comes next, and what is left
// where one is killed. lock_simulation_test.cpp tries it in an order that follows a seed.
#include "engine/file_locks.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "piecemark/error.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using os::LockMode;
using testing::TemporaryFolder;
using namespace std::chrono_literals;

constexpr Deadline kNow{};  // past: whoever would have to wait is refused
Deadline patient() {
  return std::chrono::steady_clock::now() + 60s;
}

// -------------------------------------------------------------------------------------------- What a process is doing

struct Step {
  FileLock lock;
  LockMode mode;
};

// After the table in file_locks.h. `held` is what a process has while it does this.
struct Doing {
  const char* name;
  std::vector<Step> held;
};

constexpr Step kGate{FileLock::gate, LockMode::shared};
constexpr Step kGateAlone{FileLock::gate, LockMode::exclusive};
constexpr Step kOpen{FileLock::open, LockMode::shared};
constexpr Step kPending{FileLock::pending, LockMode::exclusive};
constexpr Step kSharedPending{FileLock::pending, LockMode::shared};
constexpr Step kSharedWrite{FileLock::write, LockMode::shared};
constexpr Step kWrite{FileLock::write, LockMode::exclusive};

const std::vector<Doing> kDoings{
    {"nothing", {}},
    {"opening", {kGate}},
    {"waiting to walk the pages", {kGate, kSharedPending}},
    {"walking the pages", {kGate, kSharedWrite}},  // or making a private copy
    {"having it open", {kOpen}},
    {"waiting to write", {kOpen, kPending}},
    {"writing", {kOpen, kWrite}},
    {"verifying", {kOpen, kSharedWrite}},
    {"making", {kGateAlone}},
    {"replacing, alone", {kGateAlone}},  // Only where nobody has the file open.
};

// Row: what one process is doing. Column: what another one then wants to do, in the same order; + where it may.
const std::vector<std::string> kMayBegin{
    "+ + + + + + + + + +",  // nothing
    "+ + + + + + + + - -",  // opening
    "+ + + + + - - + - -",  // waiting to walk the pages
    "+ + + + + + - + - -",  // walking the pages
    "+ + + + + + + + + -",  // having it open
    "+ + - - + - - - + -",  // waiting to write
    "+ + + - + + - - + -",  // writing
    "+ + + + + + - + + -",  // verifying
    "+ - - - + + + + - -",  // making
    "+ - - - + + + + - -",  // replacing, alone
};

bool may_begin(std::size_t wanted, std::size_t beside) {
  return kMayBegin.at(beside).at(2 * wanted) == '+';
}

bool try_begin(FileLocks& locks, std::size_t doing) {
  const std::string_view name = kDoings.at(doing).name;
  for (const Step& step : kDoings.at(doing).held) {
    bool is_granted = false;
    if (step.lock != FileLock::write) {
      is_granted = locks.try_acquire(step.lock, step.mode);
    } else {
      is_granted = step.mode == LockMode::exclusive ? locks.try_acquire_write() : locks.share_write(kNow);
    }
    if (!is_granted) return false;
  }
  return name != "replacing, alone" || !locks.holder(FileLock::open);
}

void end_all(FileLocks& locks) {
  for (const FileLock lock : kFileLocks) locks.release(lock);
}

// ---------------------------------------------------------------------------------------------------- Real processes

// Memory that the test shares with its processes.
struct Shared {
  std::atomic<std::uint32_t> changes{0};
  std::atomic<std::uint32_t> waiters{0};
  std::atomic<bool> is_over{false};
  std::atomic<std::uint32_t> grants{0};
  std::atomic<std::uint32_t> log_size{0};
  std::array<std::atomic<std::uint32_t>, 4096> log{};
};

class SharedMemory {
 public:
  SharedMemory()
      : memory_(new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                            0)) Shared) {}
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { ::munmap(memory_, sizeof(Shared)); }
  Shared* get() const { return memory_; }
  Shared* operator->() const { return memory_; }
  LockSignal signal() const { return {.changes = &memory_->changes, .waiters = &memory_->waiters}; }

 private:
  Shared* memory_;
};

// The locks of a file that is opened for them.
struct OpenedLocks {
  explicit OpenedLocks(const std::string& path, const LockSignal& signal = {}) {
    if (os::open_file(path, os::Access::read_write, file)) std::abort();
    locks.emplace(file.descriptor(), path);
    locks->set_signal(signal);
  }
  FileLocks* operator->() { return &*locks; }

  os::File file;
  std::optional<FileLocks> locks;
};

// A forked process with the file open, which does what it is told, one byte a command, and answers with one byte.
class Process {
 public:
  using Work = std::function<char(FileLocks& locks, char command)>;

  Process(const std::string& path, const LockSignal& signal, const Work& work)
      : child_([&](const testing::ForkedChild::Pipes& pipes) {
          OpenedLocks locks(path, signal);
          for (char command = 0; pipes.receive(command);) {
            if (!pipes.send(work(*locks.locks, command))) break;
          }
          return 0;
        }) {}

  void send(char command) const {
    if (!child_.pipes().send(command)) std::abort();
  }
  char answer() const {
    char byte = 0;
    return child_.pipes().receive(byte) ? byte : '!';
  }
  char ask(char command) const {
    send(command);
    return answer();
  }
  void kill() { child_.kill(); }
  std::uint32_t id() const { return static_cast<std::uint32_t>(child_.id()); }

 private:
  testing::ForkedChild child_;
};

char yes_or_no(bool is_granted) {
  return is_granted ? '+' : '-';
}

// Commands beside those that begin something (its index).
constexpr char kEndAll = 'e';
constexpr char kAcquireWrite = 'W';
constexpr char kShareWrite = 'S';
constexpr char kShareWriteNow = 's';

char follow(FileLocks& locks, char command) {
  switch (command) {
    case kEndAll:
      end_all(locks);
      return '+';
    case kAcquireWrite:
      return yes_or_no(locks.acquire_write(patient()));
    case kShareWrite:
      return yes_or_no(locks.share_write(patient()));
    case kShareWriteNow:
      return yes_or_no(locks.share_write(kNow));
    default:
      break;
  }
  const bool is_begun = try_begin(locks, static_cast<std::size_t>(command));
  if (!is_begun) end_all(locks);
  return yes_or_no(is_begun);
}

std::size_t index_of(std::string_view name) {
  return static_cast<std::size_t>(
      std::find_if(kDoings.begin(), kDoings.end(), [&](const Doing& doing) { return doing.name == name; }) -
      kDoings.begin());
}
char command(std::string_view name) {
  return static_cast<char>(index_of(name));
}

class FileLocksTest : public ::testing::Test {
 protected:
  // The process that has the lock: the first one that is seen with it, or, where one is named, another one only where that
  // one does not come to have it.
  static std::uint32_t await_holder(FileLocks& locks, FileLock lock, std::uint32_t process_id = 0) {
    const Deadline deadline = patient();
    for (;;) {
      const auto holder = locks.holder(lock);
      const bool is_wanted = holder && (process_id == 0 || holder->id == process_id);
      if (is_wanted || std::chrono::steady_clock::now() > deadline) return holder ? holder->id : 0;
      std::this_thread::sleep_for(100us);
    }
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.write("store", "");
  SharedMemory shared_;
};

// Every process begins in turn, if it may beside those before it; what was refused leaves nothing. After each step somebody
// else asks who holds what.
class Combinations {
 public:
  Combinations(const std::string& path, const LockSignal& signal, std::size_t processes)
      : observer_(path, signal) {
    for (std::size_t i = 0; i < processes; ++i)
      processes_.push_back(std::make_unique<Process>(path, signal, follow));
  }

  void try_all() {
    std::vector<std::size_t> doings(processes_.size(), 0);
    do {
      try_one(doings);
    } while (is_next(doings));
  }
  std::size_t count() const { return count_; }
  std::size_t refused() const { return refused_; }
  const std::string& differences() const { return differences_; }

 private:
  static bool is_next(std::vector<std::size_t>& doings) {
    for (std::size_t& doing : doings) {
      if (++doing < kDoings.size()) return true;
      doing = 0;
    }
    return false;
  }

  void try_one(const std::vector<std::size_t>& doings) {
    ++count_;
    std::vector<std::size_t> present;  // of each process, what it is doing by the model
    std::string name;
    for (std::size_t i = 0; i < doings.size(); ++i) {
      const std::size_t wanted = doings[i];
      const bool is_expected = std::all_of(present.begin(), present.end(),
                                           [&](std::size_t other) { return may_begin(wanted, other); });
      const char answer = processes_[i]->ask(static_cast<char>(wanted));
      name += (name.empty() ? "" : ", then ") + std::string(kDoings[wanted].name);
      if (answer != yes_or_no(is_expected)) differences_ += name + ": " + answer + "\n";
      if (!is_expected) ++refused_;
      present.push_back(is_expected ? wanted : index_of("nothing"));
      compare_holders(name, present);
    }
    for (const auto& process : processes_) process->ask(kEndAll);
  }

  void compare_holders(const std::string& name, const std::vector<std::size_t>& present) {
    for (const FileLock lock : kFileLocks) {
      std::vector<std::uint32_t> holders;
      for (std::size_t i = 0; i < present.size(); ++i) {
        for (const Step& step : kDoings[present[i]].held)
          if (step.lock == lock) holders.push_back(processes_[i]->id());
      }
      const auto found = observer_->holder(lock);
      const bool is_right = found ? std::find(holders.begin(), holders.end(), found->id) != holders.end() &&
                                        found->name_space == os::process_namespace()
                                  : holders.empty();
      if (!is_right)
        differences_ += name + ": lock " + std::to_string(static_cast<int>(lock)) +
                        " is said to be held by " + (found ? found->to_string() : "nobody") + "\n";
    }
  }

  OpenedLocks observer_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::size_t count_ = 0;
  std::size_t refused_ = 0;
  std::string differences_;
};

TEST_F(FileLocksTest, EveryPairIsGrantedOrRefusedAsTheTableSays) {
  Combinations pairs(path_, shared_.signal(), 2);
  pairs.try_all();
  EXPECT_EQ(pairs.count(), 100U);
  EXPECT_EQ(pairs.refused(), 32U);
  EXPECT_EQ(pairs.differences(), "");
}

TEST_F(FileLocksTest, EveryTripleIsGrantedOrRefusedAsTheTableSays) {
  Combinations triples(path_, shared_.signal(), 3);
  triples.try_all();
  EXPECT_EQ(triples.count(), 1000U);
  EXPECT_EQ(triples.differences(), "");
}

// As readers without a lock file have it, and openers before they have found theirs.
TEST_F(FileLocksTest, EveryTripleIsTheSameWithoutASignal) {
  Combinations triples(path_, {}, 3);
  triples.try_all();
  EXPECT_EQ(triples.count(), 1000U);
  EXPECT_EQ(triples.differences(), "");
}

TEST_F(FileLocksTest, HolderIsNamedByProcessIdAndProgram) {
  OpenedLocks own(path_, shared_.signal());
  const Process process(path_, shared_.signal(), follow);
  EXPECT_EQ(own->holder(FileLock::write), std::nullopt);
  ASSERT_EQ(process.ask(command("writing")), '+');
  EXPECT_EQ(own->holder(FileLock::write), (ProcessIdentity{process.id(), os::process_namespace()}));
  EXPECT_EQ(own->holder(FileLock::write, LockMode::shared),
            (ProcessIdentity{process.id(), os::process_namespace()}));
  EXPECT_EQ(own->holder(FileLock::write)->to_string(),
            "process " + std::to_string(process.id()) + " (" + os::process_name(os::process_id()) + ")");
  EXPECT_EQ(own->holder(FileLock::pending), std::nullopt);
  process.ask(kEndAll);
  ASSERT_EQ(process.ask(command("verifying")), '+');
  EXPECT_EQ(own->holder(FileLock::write, LockMode::shared), std::nullopt) << "it is shared";
  EXPECT_EQ(own->holder(FileLock::write)->id, process.id());
}

// The greatest ids, and a namespace of every bit.
TEST_F(FileLocksTest, HolderOfAnyProcessIsReadBack) {
  OpenedLocks own(path_);
  for (const std::uint32_t id : {1U, 32'768U, 4'194'304U - 1}) {
    for (const std::uint16_t name_space : std::initializer_list<std::uint16_t>{0, 1, 0x8000, 0xFFFF}) {
      os::File file;
      ASSERT_FALSE(os::open_file(path_, os::Access::read_write, file));
      const ProcessIdentity other{id, name_space};
      FileLocks locks(file.descriptor(), path_, other);
      for (const FileLock lock : kFileLocks) {
        ASSERT_TRUE(locks.try_acquire(lock, LockMode::shared));
        EXPECT_EQ(own->holder(lock), other) << id << " " << name_space;
        EXPECT_EQ(locks.holder(lock), std::nullopt) << "nobody is in its own way";
      }
      EXPECT_TRUE(own->is_open_in(id));
      EXPECT_FALSE(own->is_open_in(id + 1));
      EXPECT_FALSE(own->is_open_in(id - 1));
    }
  }
}

TEST_F(FileLocksTest, SaysInWhichProcessTheFileIsOpen) {
  OpenedLocks own(path_, shared_.signal());
  const Process process(path_, shared_.signal(), follow);
  EXPECT_FALSE(own->is_open_in(process.id()));
  ASSERT_EQ(process.ask(command("writing")), '+');
  EXPECT_TRUE(own->is_open_in(process.id()));
  ASSERT_TRUE(own->try_acquire(FileLock::open, LockMode::shared));
  EXPECT_FALSE(own->is_open_in(os::process_id())) << "not through another open file";
  process.ask(kEndAll);
  EXPECT_FALSE(own->is_open_in(process.id()));
}

TEST_F(FileLocksTest, OneLockFileIsSharedAndASecondOneRefused) {
  constexpr os::FileId kFirst{.device = 7, .inode = 11};
  constexpr os::FileId kSecond{.device = 7, .inode = 12};
  OpenedLocks last(path_);
  {
    OpenedLocks one(path_);
    OpenedLocks two(path_);
    EXPECT_TRUE(one->share_lock_file(kFirst));
    EXPECT_TRUE(two->share_lock_file(kFirst));
    EXPECT_FALSE(last->share_lock_file(kSecond));
    OpenedLocks three(path_);
    EXPECT_TRUE(three->share_lock_file(kFirst)) << "a refusal leaves nothing";
    EXPECT_TRUE(last->share_lock_file(kFirst));
    OpenedLocks other(path_);
    EXPECT_FALSE(other->share_lock_file(kSecond));
  }
  OpenedLocks other(path_);
  EXPECT_FALSE(other->share_lock_file(kSecond)) << "one still has the first";
  last.file.close();
  EXPECT_TRUE(other->share_lock_file(kSecond)) << "nobody has the first any more";
}

TEST_F(FileLocksTest, EndWithTheProcessThatIsKilled) {
  OpenedLocks own(path_, shared_.signal());
  for (std::size_t doing = 0; doing < kDoings.size(); ++doing) {
    Process process(path_, shared_.signal(), follow);
    ASSERT_EQ(process.ask(static_cast<char>(doing)), '+');
    process.kill();
    for (const FileLock lock : kFileLocks) EXPECT_EQ(own->holder(lock), std::nullopt) << kDoings[doing].name;
  }
  EXPECT_TRUE(own->acquire_write(patient()));
}

// It wakes nobody: those who wait look again by themselves.
TEST_F(FileLocksTest, WaitingEndsWithTheProcessThatIsKilled) {
  OpenedLocks own(path_, shared_.signal());
  auto holder = std::make_unique<Process>(path_, shared_.signal(), follow);
  auto waiting = std::make_unique<Process>(path_, shared_.signal(), follow);
  const Process last(path_, shared_.signal(), follow);
  ASSERT_EQ(holder->ask(command("writing")), '+');
  waiting->send(kAcquireWrite);
  EXPECT_EQ(await_holder(*own.locks, FileLock::pending), waiting->id());
  last.send(kAcquireWrite);
  waiting->kill();
  EXPECT_EQ(await_holder(*own.locks, FileLock::pending, last.id()), last.id());
  EXPECT_EQ(own->holder(FileLock::write)->id, holder->id());
  holder->kill();
  EXPECT_EQ(last.answer(), '+');
  EXPECT_EQ(own->holder(FileLock::write)->id, last.id());
  last.ask(kEndAll);
  EXPECT_TRUE(own->acquire_write(patient())) << "although those who were killed are counted as waiting";
}

TEST_F(FileLocksTest, AWaitingWriterComesBeforeNewSharers) {
  OpenedLocks own(path_, shared_.signal());
  const Process sharer(path_, shared_.signal(), follow);
  const Process new_sharer(path_, shared_.signal(), follow);
  const Process writer(path_, shared_.signal(), follow);
  ASSERT_EQ(sharer.ask(kShareWrite), '+');
  writer.send(kAcquireWrite);
  EXPECT_EQ(await_holder(*own.locks, FileLock::pending), writer.id());
  EXPECT_EQ(new_sharer.ask(kShareWriteNow), '-');
  new_sharer.send(kShareWrite);
  sharer.ask(kEndAll);
  EXPECT_EQ(writer.answer(), '+');
  EXPECT_EQ(own->holder(FileLock::write)->id, writer.id());
  EXPECT_EQ(await_holder(*own.locks, FileLock::pending, new_sharer.id()), new_sharer.id()) << "it comes next";
  writer.ask(kEndAll);
  EXPECT_EQ(new_sharer.answer(), '+');
}

TEST_F(FileLocksTest, AWriterComesThroughAlthoughSharersKeepComing) {
  const auto share_again_and_again = [shared = shared_.get()](FileLocks& locks, char) {
    while (!shared->is_over) {
      if (!locks.share_write(patient())) return '-';
      ++shared->grants;
      locks.release(FileLock::write);
    }
    return '+';
  };
  const Process one(path_, shared_.signal(), share_again_and_again);
  const Process two(path_, shared_.signal(), share_again_and_again);
  const Process three(path_, shared_.signal(), share_again_and_again);
  for (const Process* sharer : {&one, &two, &three}) sharer->send('g');
  OpenedLocks own(path_, shared_.signal());
  for (int turn = 0; turn < 50; ++turn) {
    const std::uint32_t before = shared_->grants;
    while (shared_->grants < before + 3) std::this_thread::yield();
    ASSERT_TRUE(own->acquire_write(patient()));
    own->release(FileLock::write);
  }
  shared_->is_over = true;
  for (const Process* sharer : {&one, &two, &three}) EXPECT_EQ(sharer->answer(), '+');
}

// Each keeps the lock until the other waits for it, lets go, and wants it again at once.
TEST_F(FileLocksTest, WhoeverWantsTheLockAgainComesAfterTheOneThatWaited) {
  constexpr std::uint32_t kTurns = 300;
  const auto write_again_and_again = [shared = shared_.get()](FileLocks& locks, char own) {
    for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
      if (!locks.acquire_write(patient())) return '-';
      const std::uint32_t at = shared->log_size++;
      shared->log.at(at) = static_cast<std::uint32_t>(own);
      while (shared->log_size < 2 * kTurns && !shared->is_over && !locks.holder(FileLock::pending))
        std::this_thread::yield();
      if (turn + 1 == kTurns) shared->is_over = true;
      locks.release(FileLock::write);
    }
    return '+';
  };
  const Process one(path_, shared_.signal(), write_again_and_again);
  const Process two(path_, shared_.signal(), write_again_and_again);
  one.send('1');
  two.send('2');
  EXPECT_EQ(one.answer(), '+');
  EXPECT_EQ(two.answer(), '+');
  std::string order;
  for (std::uint32_t i = 0; i < shared_->log_size; ++i) order += static_cast<char>(shared_->log[i].load());
  std::string expected;
  for (std::uint32_t turn = 0; turn < kTurns; ++turn) expected += order[0] == '1' ? "12" : "21";
  EXPECT_EQ(order, expected);
}

TEST_F(FileLocksTest, TwoWritersWithoutPauseBothComeThrough) {
  constexpr int kTurns = 500;
  const auto write_again_and_again = [](FileLocks& locks, char) {
    for (int turn = 0; turn < kTurns; ++turn) {
      if (!locks.acquire_write(patient())) return '-';
      locks.release(FileLock::write);
    }
    return '+';
  };
  const Process one(path_, shared_.signal(), write_again_and_again);
  const Process two(path_, shared_.signal(), write_again_and_again);
  one.send('g');
  two.send('g');
  EXPECT_EQ(one.answer(), '+');
  EXPECT_EQ(two.answer(), '+');
  EXPECT_EQ(shared_->waiters, 0U);
}

TEST_F(FileLocksTest, GivingUpLeavesNoLock) {
  OpenedLocks own(path_, shared_.signal());
  OpenedLocks other(path_, shared_.signal());
  ASSERT_TRUE(other->share_write(kNow));
  int calls = 0;
  const auto give_up = [&] {
    if (++calls == 3) throw std::runtime_error("enough");
  };
  EXPECT_THROW(own->acquire_write(patient(), give_up), std::runtime_error);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(other->holder(FileLock::pending), std::nullopt);
  EXPECT_FALSE(own->acquire_write(std::chrono::steady_clock::now() + 5ms));
  EXPECT_EQ(other->holder(FileLock::pending), std::nullopt);
  EXPECT_EQ(shared_->waiters, 0U);
  other->release(FileLock::write);
  EXPECT_TRUE(own->try_acquire_write());
}

}  // namespace
}  // namespace piecemark::engine
