// A process that opens and closes files on many threads at once.
#include "engine/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/environment.h"
#include "engine/file_locks.h"
#include "engine/lock_file.h"
#include "piecemark/error.h"
#include "tests/support/forked_child.h"
#include "tests/support/sanitizers.h"
#include "tests/support/temporary.h"

#if defined(PIECEMARK_ADDRESS_SANITIZER) || defined(PIECEMARK_THREAD_SANITIZER)
#define PIECEMARK_SANITIZER_CANNOT_FORK_THREADS
#endif

namespace piecemark::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 1> kTables{"table"};
constexpr EnvironmentOptions kPatient{.busy_timeout_ms = 60'000};

os::FileId id_of(const std::string& path) {
  os::FileFacts facts;
  EXPECT_FALSE(os::facts_of(path, facts));
  return facts.id;
}

// Another process that keeps the gate of a file closed, as one that makes or replaces it, until it is told to let go.
class ClosedGate {
 public:
  explicit ClosedGate(const std::string& path)
      : child_([&](const testing::ForkedChild::Pipes& pipes) {
          os::File file;
          if (os::open_file(path, os::Access::read_write, file)) return 1;
          FileLocks locks(file.descriptor(), path);
          char byte = '!';
          if (!locks.try_acquire(FileLock::gate, os::LockMode::exclusive) || !pipes.send(byte)) return 2;
          return pipes.receive(byte) ? 0 : 3;
        }) {
    char byte = 0;
    EXPECT_TRUE(child_.pipes().receive(byte));
  }
  ClosedGate(const ClosedGate&) = delete;
  ClosedGate& operator=(const ClosedGate&) = delete;
  ~ClosedGate() { open(); }

  void open() {
    if (std::exchange(is_open_, true)) return;
    EXPECT_TRUE(child_.pipes().send('!'));
    EXPECT_EQ(child_.wait(), 0);
  }

 private:
  testing::ForkedChild child_;
  bool is_open_ = false;
};

class OpenFilesTest : public ::testing::Test {
 protected:
  OpenFilesTest() {
    for (const std::string& path : {path_, other_path_})
      Environment::create(path, kTables, [](WriteTransaction&) {});
  }

  static std::shared_ptr<Environment> open(const std::string& path,
                                           const EnvironmentOptions& options = kPatient) {
    return Environment::open(path, kTables, options);
  }
  static void put(Environment& environment, Bytes key) {
    WriteTransaction transaction = environment.begin_write();
    transaction.put(environment.table(0), key, "");
    transaction.commit(Durability::relaxed);
  }
  static std::string content(Environment& environment) {
    const ReadTransaction snapshot = environment.begin_read();
    std::string text;
    Cursor cursor(snapshot, environment.table(0));
    for (bool found = cursor.first(); found; found = cursor.next()) text.append(cursor.key()).append(" ");
    return text;
  }
  // Until a thread of this process is in the middle of opening the file.
  static void await_opening(const std::string& path) {
    const os::FileId id = id_of(path);
    while (OpenFiles::of_process().claim(id, Deadline{})) std::this_thread::sleep_for(100us);
  }
  static int status_of(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("a");
  std::string other_path_ = folder_.path("b");
};

TEST_F(OpenFilesTest, AFileIsOpenOnceHoweverManyThreadsOpenAndCloseIt) {
  constexpr unsigned kThreads = 6;
  constexpr unsigned kRounds = 25;
  const std::string link = folder_.path("link");
  fs::create_symlink(path_, link);
  std::mutex mutex;
  std::map<const Environment*, unsigned> present;
  std::size_t most = 0;
  std::atomic<unsigned> failures{0};
  const auto open_again_and_again = [&](unsigned thread) {
    for (unsigned round = 0; round < kRounds; ++round) {
      const auto opened_and_used = [&] {
        const auto environment = open((thread + round) % 3 == 0 ? link : path_);
        {
          const std::lock_guard lock(mutex);
          ++present[environment.get()];
          most = std::max(most, present.size());
        }
        put(*environment, std::to_string(1000 * thread + round));
        const std::lock_guard lock(mutex);
        if (--present[environment.get()] == 0) present.erase(environment.get());
      };
      if (error_of(opened_and_used)) ++failures;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(open_again_and_again, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0U);
  EXPECT_EQ(most, 1U);
  EXPECT_EQ(open(path_)->begin_read().entries(open(path_)->table(0)), kThreads * kRounds);
}

TEST_F(OpenFilesTest, AnUnrelatedFileOpensWhileAnotherOneIsBeingOpened) {
  ClosedGate gate(path_);
  std::mutex mutex;
  std::string order;
  const auto note = [&](const char* event) {
    const std::lock_guard lock(mutex);
    order += event;
  };
  std::thread opener([&] {
    const auto environment = open(path_, {.busy_timeout_ms = 20'000});
    note("opened a, ");
    put(*environment, "key");
  });
  await_opening(path_);
  {
    const auto other = open(other_path_);
    put(*other, "other key");
  }
  EXPECT_EQ(content(*open(other_path_)), "other key ");
  note("opened b, ");
  gate.open();
  opener.join();
  EXPECT_EQ(order, "opened b, opened a, ");
  EXPECT_EQ(content(*open(path_)), "key ");
}

TEST_F(OpenFilesTest, ThoseWhoOpenTheFileMeanwhileGetTheSameOne) {
  ClosedGate gate(path_);
  std::array<std::shared_ptr<Environment>, 4> opened;
  std::vector<std::thread> threads;
  for (auto& environment : opened) threads.emplace_back([&] { environment = open(path_); });
  await_opening(path_);
  gate.open();
  for (std::thread& thread : threads) thread.join();
  for (const auto& environment : opened) EXPECT_EQ(environment, opened[0]);
}

// One after the other they would take nine seconds.
TEST_F(OpenFilesTest, TimeoutsOfManyThreadsDoNotAddUp) {
  constexpr unsigned kThreads = 30;
  constexpr std::uint32_t kTimeoutMs = 300;
  const ClosedGate gate(path_);
  std::atomic<unsigned> busy{0};
  const Deadline deadline =
      std::chrono::steady_clock::now() + kThreads * std::chrono::milliseconds(kTimeoutMs) / 2;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      if (error_of([&] { open(path_, {.read_only = true, .busy_timeout_ms = kTimeoutMs}); }) ==
          ErrorCode::busy)
        ++busy;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(busy, kThreads);
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_F(OpenFilesTest, AFailureLetsTheNextThreadIn) {
  fs::resize_file(path_, 100);
  std::array<std::optional<ErrorCode>, 6> errors;
  std::vector<std::thread> threads;
  for (auto& error : errors) threads.emplace_back([&] { error = error_of([&] { open(path_); }); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& error : errors) {
    EXPECT_TRUE(error);
    EXPECT_EQ(error, errors[0]);
  }
  fs::remove(path_);
  Environment::create(path_, kTables, [](WriteTransaction&) {});
  EXPECT_EQ(error_of([&] { open(path_); }), std::nullopt);
}

TEST_F(OpenFilesTest, AChildForkedWhileAnotherThreadOpensCanOpenTheStoreItself) {
#ifdef PIECEMARK_SANITIZER_CANNOT_FORK_THREADS
  GTEST_SKIP() << "a sanitizer leaves its own locks locked in the child of a process with threads";
#endif
  for (int round = 0; round < 20; ++round) {
    ClosedGate gate(path_);
    std::thread opener([&] { put(*open(path_), "parent " + std::to_string(round)); });
    await_opening(path_);
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe(ready.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(300);
      const auto open_both = [&] {
        put(*open(other_path_), "child " + std::to_string(round));
        if (::write(ready[1], "!", 1) != 1) ::_exit(1);
        put(*open(path_), "child " + std::to_string(round));
      };
      ::_exit(error_of(open_both) ? 2 : 0);
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the child opens another file at once";
    ::close(ready[0]);
    gate.open();
    opener.join();
    ASSERT_EQ(status_of(child), 0) << "in round " << round;
  }
  std::string expected;
  EXPECT_EQ(open(path_)->begin_read().entries(open(path_)->table(0)), 40U);
  EXPECT_EQ(open(other_path_)->begin_read().entries(open(other_path_)->table(0)), 20U);
}

// Wherever the other thread is just then.
TEST_F(OpenFilesTest, AChildForkedWhileAnotherThreadOpensAndClosesCanOpenTheStoreItself) {
#ifdef PIECEMARK_SANITIZER_CANNOT_FORK_THREADS
  GTEST_SKIP() << "a sanitizer leaves its own locks locked in the child of a process with threads";
#endif
  std::atomic<bool> is_over{false};
  std::thread opener([&] {
    while (!is_over) put(*open(path_), "parent");
  });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(300);
      ::_exit(error_of([&] { put(*open(path_), "child " + std::to_string(round)); }) ? 2 : 0);
    }
    EXPECT_EQ(status_of(child), 0) << "in round " << round;
  }
  is_over = true;
  opener.join();
  const auto environment = open(path_);
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 21U);
}

// What it has inherited and never touched. Where it kept the lock file open, that were still in use, and a file that takes the
// place of this one would be overwritten.
TEST_F(OpenFilesTest, AForkedChildIsNoUserOfTheLockFile) {
  Environment::create(folder_.path("other"), kTables, [](WriteTransaction&) {});
  std::array<int, 2> over{};
  ASSERT_EQ(::pipe(over.data()), 0);
  pid_t child = 0;
  {
    const auto opened = open(path_);
    child = ::fork();
    if (child == 0) {
      ::alarm(300);
      ::close(over[1]);
      char byte = 0;
      ::_exit(::read(over[0], &byte, 1) == 0 ? 0 : 1);
    }
    WriteTransaction transaction = opened->begin_write();
    transaction.put(opened->table(0), "key", "value");
    transaction.commit();
  }
  const std::string other = testing::read_file(folder_.path("other"));
  std::fstream(path_, std::ios::out | std::ios::binary | std::ios::trunc)
      .write(other.data(), static_cast<std::streamsize>(other.size()));
  EXPECT_NO_THROW(open(path_));
  ::close(over[0]);
  ::close(over[1]);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Wherever the other thread is, a child does not keep a descriptor, and with it a lock that nobody could end.
TEST_F(OpenFilesTest, AForkedChildKeepsNoLockOfTheParent) {
#ifdef PIECEMARK_SANITIZER_CANNOT_FORK_THREADS
  GTEST_SKIP() << "a sanitizer leaves its own locks locked in the child of a process with threads";
#endif
  std::atomic<bool> is_over{false};
  std::thread opener([&] {
    while (!is_over) open(path_);
  });
  std::array<int, 2> forked{};
  ASSERT_EQ(::pipe(forked.data()), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 200; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(300);
      if (::write(forked[1], "!", 1) == 1) ::pause();
      ::_exit(0);
    }
    children.push_back(child);
  }
  is_over = true;
  opener.join();
  char byte = 0;
  for (std::size_t i = 0; i < children.size(); ++i) ASSERT_EQ(::read(forked[0], &byte, 1), 1);
  for (const int end : forked) ::close(end);
  os::File file;
  ASSERT_FALSE(os::open_file(path_, os::Access::read_write, file));
  const FileLocks locks(file.descriptor(), path_);
  for (const FileLock lock : kFileLocks)
    EXPECT_FALSE(locks.holder(lock)) << "lock " << static_cast<int>(lock);
  for (const pid_t child : children) ::kill(child, SIGKILL);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
}

TEST_F(OpenFilesTest, ALockFileIsUsedWithOneFile) {
  OpenFiles& files = OpenFiles::of_process();
  constexpr os::FileId kFirst{.device = ~0U, .inode = 1};
  constexpr os::FileId kSecond{.device = ~0U, .inode = 2};
  constexpr os::FileId kLockFile{.device = ~0U, .inode = 3};
  auto second = files.claim(kSecond, Deadline{});
  ASSERT_TRUE(second && second->present() == nullptr);
  {
    auto first = files.claim(kFirst, Deadline{});
    ASSERT_TRUE(first);
    EXPECT_FALSE(files.uses_lock_file(kLockFile));
    EXPECT_TRUE(first->add_lock_file(kLockFile));
    EXPECT_TRUE(first->add_lock_file(kLockFile));
    EXPECT_TRUE(files.uses_lock_file(kLockFile));
    EXPECT_FALSE(second->add_lock_file(kLockFile));
    EXPECT_FALSE(files.claim(kFirst, Deadline{})) << "it is being opened";
  }
  EXPECT_FALSE(files.uses_lock_file(kLockFile));
  EXPECT_TRUE(second->add_lock_file(kLockFile));
}

// The name of a file that is open goes to a new one: the lock file of that name belongs to the first.
TEST_F(OpenFilesTest, ANewFileUnderTheNameOfAnOpenOneGetsALockFileOfItsOwn) {
  const auto first = open(path_);
  const os::FileId lock_file = id_of(lock_file_of(path_));
  put(*first, "first");
  const ReadTransaction snapshot = first->begin_read();
  fs::rename(path_, folder_.path("moved"));
  Environment::create(path_, kTables, [](WriteTransaction&) {});
  const auto second = open(path_);
  put(*second, "second");
  EXPECT_NE(first, second);
  EXPECT_NE(id_of(lock_file_of(path_)), lock_file);
  EXPECT_EQ(content(*second), "second ");
  EXPECT_EQ(snapshot.entries(first->table(0)), 1U);
  EXPECT_EQ(error_of([&] { put(*first, "more"); }), ErrorCode::reopen_needed);
}

}  // namespace
}  // namespace piecemark::engine
