#include "engine/environment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "piecemark/error.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 2> kTables{"one", "two"};

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() {
    Environment::create(path_, kTables, [](WriteTransaction&) {});
  }

  std::shared_ptr<Environment> open(const EnvironmentOptions& options = {}) const {
    return Environment::open(path_, kTables, options);
  }

  static void put(Environment& environment, Bytes key, Bytes value) {
    WriteTransaction transaction = environment.begin_write();
    transaction.put(environment.table(0), key, value);
    transaction.commit();
  }

  // A process that holds the lock file as those do who have the store open, and ends by itself.
  pid_t hold_lock_file_for(std::chrono::milliseconds time) const {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      struct flock lock {};
      lock.l_type = F_RDLCK;
      lock.l_whence = SEEK_SET;
      lock.l_len = 1;
      const int file = ::open((path_ + "-lock").c_str(), O_RDWR);
      const bool is_held = ::fcntl(file, F_SETLK, &lock) == 0 && ::write(ready[1], "x", 1) == 1;
      if (is_held) std::this_thread::sleep_for(time);
      ::_exit(is_held ? 0 : 1);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    return child;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("store");
};

TEST_F(EnvironmentTest, CreationLeavesOneFileAndNothingElse) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_.path(""))) names.push_back(entry.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"store"});
}

TEST_F(EnvironmentTest, CreationRefusesATakenName) {
  EXPECT_EQ(error_of([&] { Environment::create(path_, kTables, [](WriteTransaction&) {}); }),
            ErrorCode::file_exists);
}

TEST_F(EnvironmentTest, FailedCreationLeavesNothing) {
  const std::string path = folder_.path("other");
  EXPECT_THROW(Environment::create(path, kTables, [](WriteTransaction&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path("")), {}), 1);
}

TEST_F(EnvironmentTest, CreationIsReadBackWhereThatIsAskedFor) {
  const std::string path = folder_.path("other");
  std::string seen;
  const auto fill = [](WriteTransaction& transaction) {
    transaction.put(transaction.environment()->table(1), "key", "value");
  };
  const auto read_back = [&](const ReadTransaction& transaction) {
    EXPECT_FALSE(fs::exists(path)) << "it has no name before";
    seen = transaction.get(transaction.environment()->table(1), "key").value_or("nothing");
    if (seen == "value") throw std::runtime_error("not to be");
  };
  EXPECT_THROW(Environment::create(path, kTables, fill, {.check = read_back}), std::runtime_error);
  EXPECT_EQ(seen, "value");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path("")), {}), 1) << "nothing is left";
}

TEST_F(EnvironmentTest, CreationRemovesWhatAKilledOneHasLeft) {
  const std::string left = "other.new-01a20283-6674-73a3-aa7f-f777f6b7bdea";
  folder_.write(left, "half a file");
  folder_.write("other.new-2026", "somebody's");
  Environment::create(folder_.path("other"), kTables, [](WriteTransaction&) {});
  EXPECT_FALSE(fs::exists(folder_.path(left)));
  EXPECT_TRUE(fs::exists(folder_.path("other.new-2026"))) << "a name of another kind is not ours to remove";
}

TEST_F(EnvironmentTest, AnotherFileUnderTheNameOfTheLockFileIsLeftAlone) {
  for (const char* content : {"precious", "x", ""}) {
    const std::string lock_file = folder_.write("store-lock", content);
    const bool is_empty = content[0] == '\0';
    EXPECT_EQ(error_of([&] { open(); }),
              is_empty ? std::nullopt : std::optional(ErrorCode::unsafe_lock_file));
    EXPECT_EQ(error_of([&] { open({.read_only = true}); }),
              is_empty ? std::nullopt : std::optional(ErrorCode::unsafe_lock_file));
    if (!is_empty) {
      EXPECT_EQ(piecemark::testing::read_file(lock_file), content);
    }
  }
}

// A limit on file sizes stands for the full disk. In a child: the limit stays with the process.
TEST_F(EnvironmentTest, ReadsWithoutALockFileWhereThereIsNoRoomForOne) {
  fs::remove(path_ + "-lock");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const bool is_refused = error_of([&] { open(); }) == ErrorCode::disk_full;
    const bool is_read = !error_of([&] { open({.read_only = true})->begin_read(); });
    ::_exit((is_refused ? 0 : 1) + (is_read ? 0 : 2));
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "256: not refused for writing; 512: not read";
  EXPECT_FALSE(fs::exists(path_ + "-lock"));
}

// A library that knows a third table opens a file of one that did not.
class MissingTableTest : public EnvironmentTest {
 protected:
  static constexpr std::array<std::string_view, 3> kMoreTables{"one", "two", "three"};

  std::shared_ptr<Environment> open_knowing_more() const {
    return Environment::open(path_, kMoreTables, {.required_tables = 2});
  }
  static void write_to_new_table(Environment& environment) {
    WriteTransaction transaction = environment.begin_write();
    transaction.create_missing_tables();
    transaction.put(environment.table(2), "key", "value");
    transaction.commit();
  }
};

TEST_F(MissingTableTest, RequiredOneIsRefused) {
  EXPECT_EQ(error_of([&] { Environment::open(path_, kMoreTables, {}); }), ErrorCode::not_a_store);
}

TEST_F(MissingTableTest, ComesToBeWithTheCommitThatCreatesIt) {
  const auto environment = open_knowing_more();
  const ReadTransaction before = environment->begin_read();
  EXPECT_FALSE(before.has(environment->table(2)));
  write_to_new_table(*environment);
  EXPECT_FALSE(before.has(environment->table(2))) << "a snapshot from before it";
  const ReadTransaction after = environment->begin_read();
  ASSERT_TRUE(after.has(environment->table(2)));
  EXPECT_EQ(after.get(environment->table(2), "key"), "value");
}

TEST_F(MissingTableTest, IsMissingAgainAfterARollback) {
  const auto environment = open_knowing_more();
  {
    WriteTransaction transaction = environment->begin_write();
    transaction.create_missing_tables();
    EXPECT_TRUE(transaction.has(environment->table(2)));
  }
  EXPECT_FALSE(environment->begin_read().has(environment->table(2)));
  write_to_new_table(*environment);
  EXPECT_EQ(environment->begin_read().get(environment->table(2), "key"), "value");
}

TEST_F(MissingTableTest, OneThatAnotherProcessHasCreatedIsThereInTheNextTransaction) {
  const auto environment = open_knowing_more();
  const ReadTransaction before = environment->begin_read();
  const pid_t child = ::fork();
  if (child == 0) {
    write_to_new_table(*open_knowing_more());
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      const ReadTransaction after = environment->begin_read();
      EXPECT_TRUE(after.has(environment->table(2)));
      EXPECT_EQ(after.get(environment->table(2), "key"), "value");
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(before.has(environment->table(2)));
  WriteTransaction writing = environment->begin_write();
  EXPECT_EQ(writing.get(environment->table(2), "key"), "value");
}

TEST_F(EnvironmentTest, OneFileHasOneEnvironmentInAProcess) {
  fs::create_symlink(path_, folder_.path("link"));
  const auto environment = open();
  EXPECT_EQ(environment, Environment::open(folder_.path("link"), kTables, {}));
  EXPECT_EQ(environment, Environment::open(folder_.path("./store"), kTables, {.read_only = true}));
}

TEST_F(EnvironmentTest, OpenForReadingKeepsOutOpenForWriting) {
  const auto environment = open({.read_only = true});
  EXPECT_EQ(error_of([&] { open(); }), ErrorCode::busy);
  EXPECT_EQ(error_of([&] { environment->begin_write(); }), ErrorCode::read_only);
}

// A process keeps the old file open, and with it the lock file, which tells of commits that the new file has not.
TEST_F(EnvironmentTest, FileThatTakesTheNameOfOneInUseGetsALockFileOfItsOwn) {
  for (const bool is_created : {true, false}) {
    std::array<int, 2> ready{};
    std::array<int, 2> go{};
    ASSERT_EQ(::pipe(ready.data()), 0);
    ASSERT_EQ(::pipe(go.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto old = open();
      for (int i = 0; i < 5; ++i) put(*old, "key", std::to_string(i));
      const ReadTransaction snapshot = old->begin_read();
      char byte = 'x';
      if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) ::_exit(2);
      const bool is_kept = snapshot.get(old->table(0), "key") == "4";
      ::_exit(is_kept && error_of([&] { put(*old, "key", "old"); }) == ErrorCode::reopen_needed ? 0 : 1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    if (is_created) {
      fs::remove(path_);
      Environment::create(path_, kTables, [](WriteTransaction&) {});
    } else {
      Environment::create(folder_.path("new"), kTables, [](WriteTransaction&) {});
      fs::rename(folder_.path("new"), path_);
    }
    for (int i = 0; i < 5; ++i) put(*open(), "key", "new");
    const auto reading = open({.read_only = true});
    EXPECT_EQ(reading->begin_read().get(reading->table(0), "key"), "new");
    ASSERT_EQ(::write(go[1], &byte, 1), 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    for (const int end : {ready[0], ready[1], go[0], go[1]}) ::close(end);
  }
}

// Another process holds a lock file that it has not finished when it is killed: it is half made for all who met it there,
// until they let go of it.
TEST_F(EnvironmentTest, LockFileThatWasLeftHalfMadeIsMadeAnew) {
  for (const int commits : {0, 1, 4}) {
    for (const bool has_magic : {false, true}) {
      fs::remove(path_);
      fs::remove(path_ + "-lock");
      Environment::create(path_, kTables, [](WriteTransaction& transaction) {
        transaction.put(transaction.environment()->table(0), "key", "0");
      });
      for (int i = 1; i <= commits; ++i) put(*open(), "key", std::to_string(i));
      static_cast<void>(open());
      std::string half = testing::read_file(path_ + "-lock");
      constexpr std::size_t kNotedAt = 8;
      if (has_magic) {
        half.replace(kNotedAt, sizeof(std::uint64_t), sizeof(std::uint64_t), '\0');
      } else {
        half.assign(half.size(), '\0');
      }
      folder_.write("store-lock", half);
      const pid_t child = hold_lock_file_for(std::chrono::milliseconds(100));
      for (const bool is_read_only : {true, false}) {
        const auto environment = open({.read_only = is_read_only});
        EXPECT_EQ(environment->begin_read().get(environment->table(0), "key"), std::to_string(commits));
      }
      ::waitpid(child, nullptr, 0);
    }
  }
}

TEST_F(EnvironmentTest, FilesThatCannotBeLockedSafelyAreRefused) {
  fs::create_hard_link(path_, folder_.path("second name"));
  EXPECT_EQ(error_of([&] { open(); }), ErrorCode::unsafe_lock_file);
  fs::remove(folder_.path("second name"));
  const std::string victim = folder_.write("victim", "precious");
  fs::create_symlink(victim, path_ + "-lock");
  EXPECT_EQ(error_of([&] { open(); }), ErrorCode::unsafe_lock_file);
  EXPECT_EQ(testing::read_file(victim), "precious");
}

TEST_F(EnvironmentTest, WriterWaitsAndThenNamesTheHolder) {
  const auto environment = open({.busy_timeout_ms = 50});
  WriteTransaction writing = environment->begin_write();
  EXPECT_EQ(error_of([&] { environment->begin_write(); }), ErrorCode::busy) << "of the same thread";
  std::string message;
  std::thread([&] {
    try {
      environment->begin_write();
    } catch (const Error& error) {
      message = error.what();
    }
  }).join();
  EXPECT_NE(message.find("another thread of this process"), std::string::npos) << message;
}

TEST_F(EnvironmentTest, WriterInAnotherProcessIsNamed) {
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto environment = open();
    WriteTransaction writing = environment->begin_write();
    char byte = 'x';
    if (::write(ready[1], &byte, 1) == 1) ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const auto environment = open({.busy_timeout_ms = 50});
  try {
    environment->begin_write();
    ADD_FAILURE() << "the child holds the lock";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::busy);
    EXPECT_NE(error.facts().found.find("process " + std::to_string(child)), std::string::npos)
        << error.what();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  put(*environment, "after", "the kill");  // The lock died with its holder.
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(EnvironmentTest, ForkedChildIsRefusedAndParentGoesOn) {
  const auto environment = open();
  put(*environment, "key", "before");
  WriteTransaction writing = environment->begin_write();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = error_of([&] { environment->begin_read(); }) == ErrorCode::forked &&
                         error_of([&] { environment->begin_write(); }) == ErrorCode::forked;
    // The child may open the file itself.
    const auto own = Environment::open(path_, kTables, {.read_only = true});
    const bool reads = own->begin_read().get(own->table(0), "key") == "before";
    ::_exit(refused && reads ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  writing.put(environment->table(0), "key", "after");
  writing.commit();
  EXPECT_EQ(environment->begin_read().get(environment->table(0), "key"), "after");
}

TEST_F(EnvironmentTest, MapGrowsFromCommitToCommit) {
  const auto environment = open({.map_size_bytes = 1 << 20});
  const std::string value(100'000, 'x');
  for (int i = 0; i < 100; ++i) put(*environment, "key " + std::to_string(i), value);
  EXPECT_GE(environment->usage().map_bytes, 10U << 20);
}

TEST_F(EnvironmentTest, FullMapIsOneCleanErrorAndTheFileStaysUsable) {
  const auto environment = open({.map_size_bytes = 1 << 20});
  put(*environment, "kept", "value");
  WriteTransaction transaction = environment->begin_write();
  const auto fill = [&] {
    for (int i = 0;; ++i)
      transaction.put(environment->table(0), "key " + std::to_string(i), std::string(100'000, 'x'));
  };
  EXPECT_EQ(error_of(fill), ErrorCode::disk_full);
  EXPECT_EQ(error_of([&] { transaction.put(environment->table(0), "more", ""); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::invalid_use);
  { const WriteTransaction ending = std::move(transaction); }
  put(*environment, "after", "value");
  const ReadTransaction snapshot = environment->begin_read();
  EXPECT_EQ(snapshot.entries(environment->table(0)), 2U);
}

// Another process has grown the map: this one adopts the new size.
TEST_F(EnvironmentTest, MapGrownByAnotherProcessIsAdopted) {
  const auto environment = open({.map_size_bytes = 1 << 20});
  put(*environment, "key", "value");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto own = Environment::open(path_, kTables, {.map_size_bytes = 1 << 20});
    for (int i = 0; i < 40; ++i) put(*own, "child " + std::to_string(i), std::string(100'000, 'x'));
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 41U);
  put(*environment, "parent", "value");
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 42U);
}

TEST_F(EnvironmentTest, FullDiskIsOneCleanErrorAndTheFileStaysUsable) {
  const auto environment = open();
  put(*environment, "kept", "value");
  // A limit on the size of files stands for the disk: the write that meets it fails with EFBIG.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 256 * 1024;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto result = error_of([&] { put(*environment, "large", std::string(1 << 20, 'x')); });
  const auto small = error_of([&] { put(*environment, "small", "value"); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(result, ErrorCode::disk_full);
  EXPECT_EQ(small, std::nullopt) << "what fits is stored even while the disk is full";
  put(*environment, "large", std::string(1 << 20, 'x'));
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 3U);
}

// Every descriptor of the file is replaced by one that cannot write: the commit fails after it has begun to write.
TEST_F(EnvironmentTest, FailedCommitAsksForReopeningAndNothingIsLost) {
  auto environment = open();
  put(*environment, "kept", "value");
  WriteTransaction transaction = environment->begin_write();
  transaction.put(environment->table(0), "lost", "value");
  const int read_only = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const int descriptor = std::stoi(entry.path().filename());
    if (descriptor != read_only && fs::read_symlink(entry.path(), gone) == path_)
      ::dup2(read_only, descriptor);
  }
  ::close(read_only);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::io_error);
  EXPECT_EQ(error_of([&] { environment->begin_read(); }), ErrorCode::reopen_needed);
  EXPECT_EQ(error_of([&] { environment->begin_write(); }), ErrorCode::reopen_needed);
  environment.reset();
  { const WriteTransaction ended = std::move(transaction); }  // It held the environment open.
  environment = open();
  EXPECT_EQ(environment->begin_read().get(environment->table(0), "kept"), "value");
  EXPECT_EQ(environment->begin_read().get(environment->table(0), "lost"), std::nullopt);
  put(*environment, "after", "value");
}

TEST_F(EnvironmentTest, SlotOfAKilledReaderIsCleared) {
  const auto environment = open();
  put(*environment, "key", "1");
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto own = open({.read_only = true});
    const ReadTransaction pinned = own->begin_read();
    char byte = 'x';
    if (::write(ready[1], &byte, 1) == 1) ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  // Opening the file in another process looks for dead readers; pages freed from now on are used again.
  const pid_t opener = ::fork();
  if (opener == 0) {
    open();
    ::_exit(0);
  }
  ::waitpid(opener, nullptr, 0);
  for (int i = 0; i < 200; ++i) put(*environment, "key", std::string(4000, 'x'));
  EXPECT_LT(environment->usage().pages_used, 100U);
}

TEST_F(EnvironmentTest, ReplacedFileAsksForReopening) {
  const auto environment = open();
  fs::rename(path_, folder_.path("moved"));
  EXPECT_EQ(error_of([&] { environment->begin_write(); }), ErrorCode::reopen_needed);
}

TEST_F(EnvironmentTest, FolderWithoutWritePermissionCanBeRead) {
  if (::geteuid() == 0) {
    // Root may write anywhere; a child without that privilege does the reading.
    put(*open(), "key", "value");
    fs::remove(path_ + "-lock");
    fs::permissions(folder_.path(""), fs::perms(0555));
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
      const auto environment = open({.read_only = true});
      ::_exit(environment->begin_read().get(environment->table(0), "key") == "value" ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    fs::permissions(folder_.path(""), fs::perms(0755));
    EXPECT_EQ(status, 0);
    return;
  }
  put(*open(), "key", "value");
  fs::remove(path_ + "-lock");
  fs::permissions(folder_.path(""), fs::perms(0555));
  const auto environment = open({.read_only = true});
  EXPECT_EQ(environment->begin_read().get(environment->table(0), "key"), "value");
  fs::permissions(folder_.path(""), fs::perms(0755));
}

TEST_F(EnvironmentTest, FileOfOtherTablesIsNoStore) {
  constexpr std::array<std::string_view, 1> kOther{"other"};
  EXPECT_EQ(error_of([&] { Environment::open(path_, kOther, {}); }), ErrorCode::not_a_store);
  EXPECT_EQ(error_of([&] { open(); }), std::nullopt) << "the failed attempt left nothing open";
}

}  // namespace
}  // namespace piecemark::engine
