// The lock protocol: by real processes, all pairs and triples of what they can be doing; and by a simulation, in which
// processes, time, deaths and wake-ups follow a seed.
//
// PIECEMARK_SEEDS=n simulates n seeds; PIECEMARK_SEED=n the seed n alone, which a failure names.
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

  Process(const std::string& path, const LockSignal& signal, const Work& work) {
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (::pipe(to.data()) != 0 || ::pipe(from.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      constexpr unsigned kSecondsMax = 300;
      ::alarm(kSecondsMax);  // It ends even if nobody tells it to.
      ::close(to[1]);
      OpenedLocks locks(path, signal);
      for (char command = 0; ::read(to[0], &command, 1) == 1 && command != kEnd;) {
        const char answer = work(*locks.locks, command);
        if (::write(from[1], &answer, 1) != 1) break;
      }
      ::_exit(0);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = from[0];
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ > 0) {
      send(kEnd);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(to_);
    ::close(from_);
  }

  void send(char command) const {
    if (::write(to_, &command, 1) != 1) std::abort();
  }
  char answer() const {
    char byte = 0;
    return ::read(from_, &byte, 1) == 1 ? byte : '!';
  }
  char ask(char command) const {
    send(command);
    return answer();
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  std::uint32_t id() const { return static_cast<std::uint32_t>(pid_); }

 private:
  static constexpr char kEnd = 'q';

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
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

// -------------------------------------------------------------------------------------------------------- Simulation

constexpr std::chrono::microseconds kFallback =
    20ms;  // Those who wait look again so often without being woken.
constexpr unsigned kStepsMax = 100'000;
constexpr unsigned kOvertakenMax = 400;  // How many others come before one who waits for `write`.

// A process of the simulation ends here.
struct Killed {};
// Thrown by on_wait.
struct GiveUp {};

// What may go wrong, each once in so many calls; 0 is never.
struct Faults {
  unsigned death = 0;
  unsigned spurious_wake = 0;
  unsigned refusal = 0;  // by the system, which has no memory for a lock
  bool without_signal = false;
};

enum class Role { none, writer, sharer };
enum class GateRole { none, opener, maker };

// A process waits for it without a spin, which would take the processor from the one that runs.
class Turn {
 public:
  void give() {
    {
      const std::lock_guard lock(mutex_);
      is_given_ = true;
    }
    changed_.notify_one();
  }
  void await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_given_; });
    is_given_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_given_ = false;
};

// For as long as it lives, this thread and those that it starts run on one processor: of threads that take turns none has to
// be woken on another one.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(std::max(::sched_getcpu(), 0)), &one);
    is_changed_ = ::sched_getaffinity(0, sizeof before_, &before_) == 0 &&
                  ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;
  ~OnOneProcessor() {
    if (is_changed_) ::sched_setaffinity(0, sizeof before_, &before_);
  }

 private:
  cpu_set_t before_{};
  bool is_changed_ = false;
};

// A machine: each process is a thread, of which one runs at a time. At every call of the protocol the next one is picked by
// the seed. Time passes with every step, and goes on to the next alarm where everybody sleeps.
class Simulation final : public LockSystem {
 public:
  Simulation(std::uint64_t seed, const Faults& faults) : random_(seed), faults_(faults) {
    stays_in_8_ = 2 + choose(5);
  }

  using Program = std::function<void(int process)>;
  // Each program as a process of its own; returns when all have ended.
  void run(const std::vector<Program>& programs) {
    for (std::size_t i = 0; i < programs.size(); ++i) processes_.push_back(std::make_unique<Process>());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      threads.emplace_back([this, &programs, i] {
        Process& own = *processes_[i];
        own.turn.await();
        try {
          programs[i](static_cast<int>(i));
        } catch (const Killed&) {
          // What it did to the shared words while its stack was unwound, no killed process does.
          changes = own.changes_at_death;
          waiters = own.waiters_at_death;
        }
        own.has_ended = true;
        pass_on();
      });
    }
    pass_on();
    for (std::thread& thread : threads) thread.join();
    if (failure_.empty() && deaths_ == 0) {
      require(waiters == 0, "those who wait are counted wrongly");
      require(locks_.empty(), "a lock is left at the end");
    }
  }

  const std::string& failure() const { return failure_; }

  // ---- The system

  std::error_code try_lock(int process, const os::ByteRange& range, LockMode mode) override {
    step(true);
    if (occurs(faults_.refusal)) return std::make_error_code(std::errc::no_lock_available);
    ++own().attempts;
    const bool is_granted = conflict(process, range, mode) == nullptr;
    if (is_granted) {
      drop(process, range);
      locks_.push_back({process, range, mode});
    }
    step(true);
    return is_granted ? std::error_code() : std::make_error_code(std::errc::resource_unavailable_try_again);
  }
  void unlock(int process, const os::ByteRange& range) noexcept override {
    if (step(false)) return;
    drop(process, range);
    step(false);
  }
  std::optional<os::ByteRange> conflicting_lock(int process, const os::ByteRange& range,
                                                LockMode mode) override {
    step(true);
    const Lock* const lock = conflict(process, range, mode);
    return lock != nullptr ? std::optional(lock->range) : std::nullopt;
  }
  Deadline now() override {
    step(true);
    return now_;
  }
  void wait(const std::atomic<std::uint32_t>* word, std::uint32_t seen,
            std::chrono::microseconds time) override {
    step(true);
    require(time <= kFallback, "sleeps for longer than the fallback interval");
    if (word != nullptr && *word != seen) return;
    own().waits_for_change = word != nullptr;
    sleep_for(time);
    own().waits_for_change = false;
    step(true);
  }
  void wake(const std::atomic<std::uint32_t>&) noexcept override {
    if (step(false)) return;
    ++own().wakes;
    ++wakes_;
    for (const auto& process : processes_)
      if (process->waits_for_change) process->wakes_at = now_;
  }

  // ---- For programs

  LockSignal signal() { return {.changes = &changes, .waiters = &waiters}; }
  Deadline time() const { return now_; }
  unsigned choose(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool occurs(unsigned one_in) { return one_in != 0 && choose(one_in) == 0; }
  // Works for a while, with what it holds.
  void work(unsigned kind) {
    for (unsigned i = choose(4); i > 0; --i) step(true);
    if (kind == 0) sleep_for(std::chrono::microseconds(choose(3000)));
  }
  void sleep_for(std::chrono::microseconds time) {
    own().wakes_at = now_ + time;
    pass_on();
    ++own().own_wakes;
  }

  // What the process waits for from now on, for the check that nobody sleeps beside a lock that is free.
  void begin_acquiring(Role role, GateRole gate) {
    require_alive();
    Process& process = own();
    process.wants = role;
    process.wants_gate = gate;
    process.overtaken = 0;
    process.attempts = 0;
    process.own_wakes = 0;
    process.wakes_of_others = wakes_ - process.wakes;
  }
  void end_acquiring(bool is_granted) {
    require_alive();
    Process& process = own();
    const std::uint64_t reasons = wakes_ - process.wakes - process.wakes_of_others + process.own_wakes;
    require(process.attempts <= 8 + 4 * reasons, "tries again although nothing has changed");
    const Role role = std::exchange(process.wants, Role::none);
    const GateRole gate = std::exchange(process.wants_gate, GateRole::none);
    if (!is_granted) return;
    if (role != Role::none) {
      process.role = role;
      check_writers();
      for (const auto& other : processes_) {
        if (other->has_ended || other->is_dead || other->wants == Role::none) continue;
        tally.overtaken_most = std::max<std::uint64_t>(tally.overtaken_most, other->overtaken + 1);
        require(++other->overtaken <= kOvertakenMax,
                other->wants == Role::writer ? "a writer starves" : "one who shares starves");
      }
    }
    if (gate != GateRole::none) {
      process.gate_role = gate;
      check_gate();
    }
  }
  void let_go_of_write() {
    require_alive();
    own().role = Role::none;
  }
  void let_go_of_gate() {
    require_alive();
    own().gate_role = GateRole::none;
  }
  // The caller has neither.
  void check_nothing_is_held(FileLock lock, const char* when) {
    require_alive();
    for (const Lock& held : locks_)
      require(held.process != current_ || region_of(held.range) != lock,
              std::string("a lock is left after ") + when);
  }
  void require(bool is_true, const std::string& else_failure) {
    if (!is_true && failure_.empty()) failure_ = else_failure;
  }

  // How much there was of each, over all seeds.
  struct Tally {
    std::uint64_t overtaken_most, writes, shares, makings, timeouts, given_up, refusals, deaths, idle_checks,
        steps;
  };
  static inline Tally tally{};

  std::atomic<std::uint32_t> changes{0};
  std::atomic<std::uint32_t> waiters{0};

 private:
  struct Lock {
    int process;
    os::ByteRange range;
    LockMode mode;
  };
  struct Process {
    Turn turn;
    Deadline wakes_at{};  // It can run from then on.
    bool waits_for_change = false;
    bool is_dead = false;
    bool has_ended = false;
    std::uint32_t changes_at_death = 0;
    std::uint32_t waiters_at_death = 0;
    Role role = Role::none;
    Role wants = Role::none;
    GateRole gate_role = GateRole::none;
    GateRole wants_gate = GateRole::none;
    unsigned overtaken = 0;  // since it wants to write
    std::uint64_t attempts = 0;
    std::uint64_t own_wakes = 0;  // by the alarm, or by nothing
    std::uint64_t wakes = 0;      // that it gave to others
    std::uint64_t wakes_of_others = 0;
  };

  Process& own() { return *processes_[static_cast<std::size_t>(current_)]; }
  void require_alive() {
    if (own().is_dead) throw Killed{};
  }

  // A point at which another process may run, or this one die. True where it is dead and cannot throw.
  bool step(bool may_throw) {
    if (!own().is_dead && (occurs(faults_.death) || !failure_.empty() || ++steps_ > kStepsMax)) die();
    if (own().is_dead) {
      if (may_throw) throw Killed{};
      return true;
    }
    ++tally.steps;
    now_ += std::chrono::microseconds(choose(6));
    own().wakes_at = now_;
    if (occurs(faults_.spurious_wake)) {
      Process& any = *processes_[choose(static_cast<unsigned>(processes_.size()))];
      if (any.waits_for_change) any.wakes_at = now_;
    }
    if (choose(8) >= stays_in_8_) pass_on();
    return false;
  }

  // Nothing is released in order, and nobody is woken.
  void die() {
    require(steps_ <= kStepsMax, "does not come to an end");
    Process& process = own();
    process.is_dead = true;
    process.role = process.wants = Role::none;
    process.gate_role = process.wants_gate = GateRole::none;
    process.changes_at_death = changes;
    process.waiters_at_death = waiters;
    std::erase_if(locks_, [&](const Lock& lock) { return lock.process == current_; });
    ++deaths_;
    ++tally.deaths;
  }

  // Lets another process run, or the same; returns when this one runs again, or has ended.
  void pass_on() {
    const int before = current_;
    const bool has_ended = before >= 0 && own().has_ended;
    const int next = pick();
    if (next == before || next < 0) return;
    current_ = next;
    processes_[static_cast<std::size_t>(next)]->turn.give();
    if (before >= 0 && !has_ended) processes_[static_cast<std::size_t>(before)]->turn.await();
  }

  // -1 where all have ended.
  int pick() {
    std::array<int, 8> ready{};
    unsigned count = 0;
    std::optional<Deadline> next_alarm;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      const Process& process = *processes_[i];
      if (process.has_ended) continue;
      if (process.wakes_at <= now_) ready.at(count++) = static_cast<int>(i);
      next_alarm = std::min(next_alarm.value_or(Deadline::max()), process.wakes_at);
    }
    if (!next_alarm) return -1;
    if (count > 0) return ready.at(choose(count));
    check_sleepers();
    now_ = *next_alarm;
    return pick();
  }

  // Where everybody sleeps, nobody may sleep beside a lock that is free; only a process that ends wakes nobody, and one that
  // has no signal.
  void check_sleepers() {
    if (deaths_ > 0 || faults_.without_signal) return;
    ++tally.idle_checks;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      const Process& process = *processes_[i];
      if (process.has_ended || !process.waits_for_change) continue;
      const int at = static_cast<int>(i);
      bool is_grantable = false;
      if (process.wants != Role::none) {
        const LockMode mode = process.wants == Role::writer ? LockMode::exclusive : LockMode::shared;
        is_grantable = is_free(at, holds(at, FileLock::pending) ? FileLock::write : FileLock::pending, mode);
      } else if (process.wants_gate != GateRole::none) {
        is_grantable =
            is_free(at, FileLock::gate,
                    process.wants_gate == GateRole::maker ? LockMode::exclusive : LockMode::shared);
      }
      require(!is_grantable, "a wake-up is lost");
    }
  }

  void check_writers() {
    const auto count = [&](Role role) {
      return std::count_if(processes_.begin(), processes_.end(),
                           [&](const auto& p) { return p->role == role; });
    };
    require(count(Role::writer) <= 1, "two writers");
    require(count(Role::writer) == 0 || count(Role::sharer) == 0, "a writer beside one who shares");
  }
  void check_gate() {
    const auto count = [&](GateRole role) {
      return std::count_if(processes_.begin(), processes_.end(),
                           [&](const auto& p) { return p->gate_role == role; });
    };
    require(count(GateRole::maker) <= 1, "two makers");
    require(count(GateRole::maker) == 0 || count(GateRole::opener) == 0, "a maker beside an opener");
  }

  // As FORMAT.md has the regions.
  static FileLock region_of(const os::ByteRange& range) {
    return static_cast<FileLock>(range.begin >> 48 & 7);
  }
  bool holds(int process, FileLock lock) const {
    return std::any_of(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process == process && region_of(held.range) == lock;
    });
  }
  bool is_free(int process, FileLock lock, LockMode mode) const {
    return std::none_of(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process != process && region_of(held.range) == lock &&
             (mode == LockMode::exclusive || held.mode == LockMode::exclusive);
    });
  }
  static bool overlap(const os::ByteRange& a, const os::ByteRange& b) {
    return a.begin < b.begin + b.size && b.begin < a.begin + a.size;
  }
  const Lock* conflict(int process, const os::ByteRange& range, LockMode mode) const {
    const auto found = std::find_if(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process != process && overlap(held.range, range) &&
             (mode == LockMode::exclusive || held.mode == LockMode::exclusive);
    });
    return found == locks_.end() ? nullptr : &*found;
  }
  void drop(int process, const os::ByteRange& range) {
    std::erase_if(locks_,
                  [&](const Lock& held) { return held.process == process && overlap(held.range, range); });
  }

  std::mt19937_64 random_;
  Faults faults_;
  unsigned stays_in_8_ = 0;
  std::vector<std::unique_ptr<Process>> processes_;
  int current_ = -1;
  Deadline now_{1h};
  std::vector<Lock> locks_;
  unsigned steps_ = 0;
  unsigned deaths_ = 0;
  std::uint64_t wakes_ = 0;
  std::string failure_;
};

// Writers, openers, readers who verify, and makers of one seed.
class World {
 public:
  explicit World(std::uint64_t seed)
      : simulation_(seed * 2654435761U + 1, faults_of(seed)), faults_(faults_of(seed)) {}

  std::string failure() {
    const unsigned writers = 1 + simulation_.choose(3);
    const unsigned sharers = simulation_.choose(4);
    std::vector<Simulation::Program> programs;
    writers_left_ = writers;
    for (unsigned i = 0; i < writers; ++i) {
      const unsigned kind = simulation_.choose(3);
      programs.emplace_back([this, kind](int process) {
        const Leaving leaving{writers_left_};
        write(process, kind);
      });
    }
    for (unsigned i = 0; i < sharers; ++i) {
      const unsigned kind = simulation_.choose(4);
      const bool has_signal = !faults_.without_signal || simulation_.choose(2) == 0;
      programs.emplace_back([this, kind, has_signal](int process) { share(process, kind, has_signal); });
    }
    if (simulation_.choose(4) == 0) programs.emplace_back([this](int process) { make(process); });
    simulation_.run(programs);
    return simulation_.failure();
  }

 private:
  struct Leaving {
    unsigned& left;
    ~Leaving() { --left; }
  };

  static Faults faults_of(std::uint64_t seed) {
    switch (seed % 4) {
      case 1:
        return {.spurious_wake = 20};
      case 2:
        return {.death = 150, .spurious_wake = 40, .refusal = 200};
      case 3:
        return {.refusal = 60, .without_signal = true};
      default:
        return {};
    }
  }

  FileLocks locks_of(int process, bool has_signal = true) {
    FileLocks locks(process, "store", {static_cast<std::uint32_t>(process) + 1, 0}, simulation_);
    if (has_signal) locks.set_signal(simulation_.signal());
    return locks;
  }

  // One acquisition, its checks, and what comes of it.
  template <class Acquire>
  bool acquire(Role role, GateRole gate, Deadline deadline, const Acquire& acquire_now) {
    Simulation& s = simulation_;
    s.begin_acquiring(role, gate);
    bool is_granted = false;
    const char* refused = "a time-out";
    try {
      is_granted = acquire_now();
      if (!is_granted) {
        s.require(s.time() >= deadline, "gives up before its time");
        s.require(s.time() <= deadline + kFallback, "gives up too late");
        ++Simulation::tally.timeouts;
      }
    } catch (const GiveUp&) {
      refused = "on_wait has thrown";
      ++Simulation::tally.given_up;
    } catch (const Error&) {
      refused = "the system has refused";
      ++Simulation::tally.refusals;
    }
    s.end_acquiring(is_granted);
    if (role != Role::none) s.check_nothing_is_held(FileLock::pending, is_granted ? "success" : refused);
    if (role != Role::none && !is_granted) s.check_nothing_is_held(FileLock::write, refused);
    if (gate != GateRole::none && !is_granted) s.check_nothing_is_held(FileLock::gate, refused);
    return is_granted;
  }

  void write(int process, unsigned kind) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process);
    for (unsigned turn = 0; turn < 3; ++turn) {
      const bool is_impatient = s.choose(4) == 0;
      const Deadline deadline = s.time() + (is_impatient ? std::chrono::microseconds(s.choose(4000)) : 10min);
      unsigned patience = s.choose(8) == 0 ? 1 + s.choose(3) : 0;
      const OnWait on_wait = [&] {
        if (patience > 0 && --patience == 0) throw GiveUp{};
      };
      const bool tries = s.choose(8) == 0;
      const bool is_granted = acquire(Role::writer, GateRole::none, tries ? s.time() : deadline, [&] {
        return tries ? locks.try_acquire_write() : locks.acquire_write(deadline, on_wait);
      });
      if (is_granted) {
        ++Simulation::tally.writes;
        s.work(kind);
        s.let_go_of_write();
        locks.release(FileLock::write);
      }
      if (kind == 1) s.work(0);
    }
  }

  // Comes again and again, for as long as somebody wants to write.
  void share(int process, unsigned kind, bool has_signal) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process, has_signal);
    do {
      const Deadline deadline = s.time() + std::chrono::microseconds(50'000);
      const bool is_opener = kind != 3;
      if (is_opener) {
        const auto pass_gate = [&] { return locks.acquire(FileLock::gate, LockMode::shared, deadline); };
        if (!acquire(Role::none, GateRole::opener, deadline, pass_gate)) continue;
      }
      if (acquire(Role::sharer, GateRole::none, deadline, [&] { return locks.share_write(deadline); })) {
        ++Simulation::tally.shares;
        s.work(has_signal ? kind : 0);  // Who has no signal makes a copy, which takes a while.
        s.let_go_of_write();
        locks.release(FileLock::write);
      }
      if (is_opener) {
        s.let_go_of_gate();
        locks.release(FileLock::gate);
      }
      if (kind == 2) s.work(0);
    } while (writers_left_ > 0 && simulation_.failure().empty());
  }

  void make(int process) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process);
    for (unsigned turn = 0; turn < 3; ++turn) {
      const Deadline deadline = s.time() + std::chrono::microseconds(s.choose(20'000));
      const auto acquire_gate = [&] { return locks.acquire(FileLock::gate, LockMode::exclusive, deadline); };
      if (!acquire(Role::none, GateRole::maker, deadline, acquire_gate)) continue;
      ++Simulation::tally.makings;
      s.work(1);
      s.let_go_of_gate();
      locks.release(FileLock::gate);
    }
  }

  Simulation simulation_;
  Faults faults_;
  unsigned writers_left_ = 0;
};

std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

TEST(LockSimulation, IsSafeAndFairWhateverTheOrder) {
  const OnOneProcessor one_processor;
  const std::uint64_t alone = from_environment("PIECEMARK_SEED", 0);
  const std::uint64_t seeds = from_environment("PIECEMARK_SEEDS", 2000);
  const std::uint64_t first = alone > 0 ? alone : 1;
  const std::uint64_t last = alone > 0 ? alone : seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed)
    ASSERT_EQ(World(seed).failure(), "") << "again with PIECEMARK_SEED=" << seed;
  if (alone > 0 || seeds < 500) return;
  const Simulation::Tally& tally = Simulation::tally;
  RecordProperty("overtaken_most", std::to_string(tally.overtaken_most));
  const std::vector<std::pair<const char*, std::uint64_t>> tried{
      {"writes", tally.writes},     {"shares", tally.shares},           {"makings", tally.makings},
      {"timeouts", tally.timeouts}, {"given_up", tally.given_up},       {"refusals", tally.refusals},
      {"deaths", tally.deaths},     {"idle_checks", tally.idle_checks}, {"steps", tally.steps}};
  for (const auto& [what, count] : tried) {
    RecordProperty(what, std::to_string(count));
    EXPECT_GE(count, seeds / 20) << what << ": the simulation has stopped trying it";
  }
}

}  // namespace
}  // namespace piecemark::engine
