// One file, many processes: stores that live to the end of a program, openers beside a writer, what others do to the lock
// file, owners and groups, readers without a lock file, containers, threads that end what others began, too many snapshots.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/site.h"
#include "tests/api/store_process.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace {

std::atomic<unsigned> waits_for_disk{0};

}  // namespace

// In the place of the C library's, for LMDB too. Nobody cuts the power here.
extern "C" __attribute__((visibility("default"))) int fdatasync(int /*descriptor*/) {
  ++waits_for_disk;
  return 0;
}

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A store at site.pmk, in a folder that others may enter.
class SharedFile : public ::testing::Test {
 protected:
  SharedFile() {
    fs::permissions(folder_.path("."), fs::perms(0755));
    Store store = Store::create(path_);
    WriteTxn txn = store.write();
    for (int i = 0; i < 20; ++i) txn.insert({.piece_mark = "G"});
    txn.commit();
  }

  std::string marks() const { return marks_of(path_); }
  static std::string marks_of(const std::string& path) {
    StoreProcess process;
    if (const std::string answer = process.ask("open_reader " + path); answer != "ok") return answer;
    return process.ask("read");
  }
  static void expect_clean(const std::string& path) {
    const Store store = Store::open(path);
    EXPECT_TRUE(verify(store.read()).is_clean());
    verify_pages(store);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path("site.pmk");
  const std::string lock_ = path_ + "-lock";
};

// -------------------------------------------------------------------------------------- Until the end of the process

class AtExit : public SharedFile, public ::testing::WithParamInterface<const char*> {
 protected:
  void expect_sound_end(const std::string& program) {
    const std::string way = GetParam();
    if (way == "static_of_shared_object" && program != PIECEMARK_AT_EXIT_SHARED) return;
    for (int i = 0; i < 5; ++i) {
      ::setenv("PIECEMARK_TEST_EARLY_STORE", path_.c_str(), 1);
      if (way != "global") ::unsetenv("PIECEMARK_TEST_EARLY_STORE");
      const Finished ended = run({program, way, path_});
      ::unsetenv("PIECEMARK_TEST_EARLY_STORE");
      EXPECT_EQ(ended.status, 0) << ended.err;
      const std::string last = way == "destructor"           ? ", written"
                               : way == "opening_destructor" ? ", opened and written"
                                                             : "";
      EXPECT_EQ(ended.out, "begun, ended" + last) << way;
      EXPECT_EQ(ended.err, "");
      if (!last.empty()) {
        EXPECT_THAT(text_of(path_), HasSubstr("written by a destructor"));
      }
      EXPECT_THAT(text_of(path_), Not(HasSubstr("not committed")));
      expect_clean(path_);
    }
  }
  static std::string text_of(const std::string& path) { return dump(Store::open(path, {.read_only = true})); }
};

TEST_P(AtExit, AProgramWithTheLibraryInsideEndsAsItShould) {
  expect_sound_end(PIECEMARK_AT_EXIT_STATIC);
}
TEST_P(AtExit, AProgramWithTheLibraryBesideItEndsAsItShould) {
  expect_sound_end(PIECEMARK_AT_EXIT_SHARED);
}

INSTANTIATE_TEST_SUITE_P(Store, AtExit,
                         ::testing::Values("global", "global_set_in_main", "singleton", "leaked_singleton",
                                           "thread_local", "transaction", "snapshot", "destructor",
                                           "opening_destructor", "exit", "thread", "thread_of_global",
                                           "static_of_shared_object"),
                         [](const auto& way) { return std::string(way.param); });

// ------------------------------------------------------------------------------------------------ Openers and writers

// Processes that open, read and close for as long as they live.
class Openers {
 public:
  Openers(const std::string& path, bool read_only, int count, const std::function<void()>& prepare = {}) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        if (prepare) prepare();
        for (;;) {
          try {
            const Store store = Store::open(path, {.read_only = read_only});
            if (store.read().component_count() == 0) ::_exit(1);
          } catch (const Error& error) {
            // Beside others without a lock file an opener may be refused, but nobody else.
            if (error.code() != ErrorCode::busy) ::_exit(2);
          }
        }
      }
      pids_.push_back(pid);
    }
  }
  ~Openers() {
    for (const pid_t pid : pids_) end(pid);
  }
  // Whether all of them are still at it.
  bool are_alive() const {
    for (const pid_t pid : pids_) {
      if (::waitpid(pid, nullptr, WNOHANG) != 0) return false;
    }
    return true;
  }

 private:
  static void end(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::vector<pid_t> pids_;
};

void become(unsigned user, unsigned group, std::vector<gid_t> groups = {}, mode_t mask = 022) {
  ::umask(mask);
  if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(user, user, user) != 0)
    ::_exit(97);
  // As for a program that was started by that user.
  ::prctl(PR_SET_DUMPABLE, 1);
}

bool is_root() {
  return ::geteuid() == 0;
}

constexpr unsigned kOwner = 21'001;
constexpr unsigned kMember = 21'002;
constexpr unsigned kStranger = 21'003;
constexpr unsigned kOwnGroup = 22'001;
constexpr unsigned kTeam = 22'002;

class BesideOpeners : public SharedFile {
 protected:
  BesideOpeners() {
    Store store = Store::open(path_);
    WriteTxn txn = store.write();
    for (int i = 0; i < 200'000; ++i)
      txn.insert({.piece_mark = "G" + std::to_string(i), .component_type = std::string(50, 't')});
    txn.commit();
  }
  // All commits get through. To walk the pages takes each opener a while.
  void expect_commits(const Openers& openers) {
    Store store = Store::open(path_);
    auto longest = std::chrono::steady_clock::duration::zero();
    for (int i = 0; i < 20; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      WriteTxn txn = store.write();
      longest = std::max(longest, std::chrono::steady_clock::now() - begun);
      txn.insert({.piece_mark = "W"});
      txn.commit();
    }
    std::printf("20 commits, the longest wait %.0f ms\n",
                std::chrono::duration<double, std::milli>(longest).count());
    EXPECT_TRUE(openers.are_alive());
  }
};

TEST_F(BesideOpeners, AWriterGetsThrough) {
  const Openers openers(path_, false, 4);
  expect_commits(openers);
}

TEST_F(BesideOpeners, AWriterGetsThroughWhereTheyOnlyRead) {
  const Openers openers(path_, true, 4);
  expect_commits(openers);
}

TEST_F(BesideOpeners, AWriterGetsThroughWhereTheyMayNotWriteTheLockFile) {
  if (!is_root()) GTEST_SKIP() << "only root can become other users";
  const Openers openers(path_, true, 4, [] { become(kStranger, kStranger); });
  expect_commits(openers);
}

// Programs that open a file at the same moment, while nobody else has it open: one of them makes what all of them share.
TEST_F(SharedFile, ProgramsThatOpenItAtTheSameMomentKnowOfEachOthersCommits) {
  constexpr int kRounds = 100;
  std::array<StoreProcess, 4> processes;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> commands{"open_writer " + path_};
    for (int i = 0; i < 5; ++i) commands.insert(commands.end(), {"read", "commit_many 1", "read"});
    for (StoreProcess& process : processes) {
      for (const std::string& command : commands) process.tell(command);
    }
    for (StoreProcess& process : processes) {
      for (const std::string& command : commands) ASSERT_THAT(process.answer(), StartsWith("ok")) << command;
    }
    for (StoreProcess& process : processes) ASSERT_EQ(process.ask("close"), "ok");
  }
  expect_clean(path_);
}

// -------------------------------------------------------------------------------------------- What others do to files

class LockFileOfOthers : public SharedFile {
 protected:
  // Commits that use every page again that no reader is known to need.
  void commit_much(StoreProcess& process) {
    ASSERT_EQ(process.ask("commit_many 150"), "ok");
    ASSERT_EQ(process.ask("commit_many 150"), "ok");
  }
};

TEST_F(LockFileOfOthers, ReadByTheAppItselfLeavesItsSnapshotProtected) {
  for (const char* how : {"open_reader ", "open_writer "}) {
    StoreProcess app;
    StoreProcess present;  // since before
    ASSERT_EQ(app.ask(how + path_), "ok");
    ASSERT_EQ(present.ask("open_writer " + path_), "ok");
    ASSERT_EQ(app.ask("hold"), "ok");
    const std::string before = app.ask("held");
    ASSERT_THAT(app.ask("read_file " + lock_), StartsWith("ok"));

    StoreProcess newcomer;
    ASSERT_EQ(newcomer.ask("open_writer " + path_), "ok");
    commit_much(newcomer);
    EXPECT_EQ(app.ask("held"), before);
    std::this_thread::sleep_for(
        std::chrono::milliseconds(1'100));  // Writers look for dead readers once a second.
    commit_much(present);
    EXPECT_EQ(app.ask("held"), before);
    EXPECT_EQ(app.ask("verify"), "ok");
    EXPECT_EQ(newcomer.ask("verify"), "ok");
  }
  expect_clean(path_);
}

TEST_F(LockFileOfOthers, ReadByTheOnlyProcessLeavesTheTableOfReadersAsItIs) {
  for (const char* how : {"open_reader ", "open_writer "}) {
    StoreProcess app;
    ASSERT_EQ(app.ask(how + path_), "ok");
    ASSERT_EQ(app.ask("hold"), "ok");
    const std::string before = app.ask("held");
    ASSERT_THAT(app.ask("read_file " + lock_), StartsWith("ok"));
    StoreProcess newcomer;
    ASSERT_EQ(newcomer.ask("open_writer " + path_), "ok");
    commit_much(newcomer);
    EXPECT_EQ(app.ask("held"), before);
    // A snapshot that is begun now, without LMDB's locks, is protected too.
    ASSERT_EQ(app.ask("release"), "ok");
    ASSERT_EQ(app.ask("hold"), "ok");
    const std::string later = app.ask("held");
    ASSERT_THAT(app.ask("read_file " + lock_), StartsWith("ok"));
    ASSERT_EQ(newcomer.ask("close"), "ok");
    ASSERT_EQ(newcomer.ask("open_writer " + path_), "ok");
    commit_much(newcomer);
    EXPECT_EQ(app.ask("held"), later);
    EXPECT_EQ(app.ask("verify"), "ok");
  }
  expect_clean(path_);
}

// The snapshot of a process that was killed goes, although another one lives that has lost its locks.
TEST_F(LockFileOfOthers, ReadByTheAppKeepsNoDeadReadersForEver) {
  StoreProcess app;
  StoreProcess killed;
  ASSERT_EQ(app.ask("open_writer " + path_), "ok");
  ASSERT_EQ(killed.ask("open_reader " + path_), "ok");
  ASSERT_EQ(killed.ask("hold"), "ok");
  ASSERT_THAT(app.ask("read_file " + lock_), StartsWith("ok"));
  killed.kill();
  ASSERT_EQ(app.ask("insert A"), "ok");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  ASSERT_EQ(app.ask("insert B"), "ok");
  EXPECT_TRUE(Store::open(path_).long_readers(0).empty());
}

TEST_F(LockFileOfOthers, RemovedByHandIsNoticed) {
  for (const char* how : {"open_reader ", "open_writer "}) {
    StoreProcess app;
    ASSERT_EQ(app.ask(how + path_), "ok");
    ASSERT_EQ(app.ask("hold"), "ok");
    const std::string before = app.ask("held");
    fs::remove(lock_);
    StoreProcess newcomer;
    const std::string answer = newcomer.ask("open_writer " + path_);
    EXPECT_THAT(answer, AllOf(StartsWith("unsafe_lock_file"), HasSubstr(lock_),
                              HasSubstr(std::to_string(app.pid()))));
    EXPECT_EQ(app.ask("held"), before);
    EXPECT_THAT(app.ask("read"), StartsWith("ok"));
    ASSERT_EQ(app.ask("close"), "ok");
    EXPECT_EQ(newcomer.ask("open_writer " + path_), "ok") << "nobody has it open any more";
    EXPECT_EQ(newcomer.ask("insert N"), "ok");
  }
  expect_clean(path_);
}

class DeletedAndMadeAnew : public LockFileOfOthers, public ::testing::WithParamInterface<bool> {};

TEST_P(DeletedAndMadeAnew, InOneProcessBothFilesAreSound) {
  Store old = Store::open(path_);
  const ReadTxn old_snapshot = old.read();
  const std::string old_content = dump(old_snapshot);
  fs::remove(path_);
  if (GetParam()) fs::remove(lock_);
  {
    Store made = Store::create(path_);
    WriteTxn txn = made.write();
    for (int i = 0; i < 20; ++i) txn.insert({.piece_mark = "N"});
    txn.commit();
    const ReadTxn snapshot = made.read();
    const std::string content = dump(snapshot);
    {
      StoreProcess other;
      ASSERT_EQ(other.ask("open_writer " + path_), "ok");
      commit_much(other);
      EXPECT_EQ(dump(snapshot), content);
      EXPECT_EQ(dump(old_snapshot), old_content);
    }
    EXPECT_EQ(error_of([&] { old.write(); }), ErrorCode::reopen_needed);
    EXPECT_EQ(dump(snapshot), content);
  }
  EXPECT_EQ(dump(old_snapshot), old_content);
  expect_clean(path_);
}

INSTANTIATE_TEST_SUITE_P(Together, DeletedAndMadeAnew, ::testing::Bool(), [](const auto& how) {
  return std::string(how.param ? "WithItsLockFile" : "WithoutItsLockFile");
});

TEST_F(LockFileOfOthers, AFileUnderTwoNamesByAMountIsRefused) {
  const std::string other = folder_.write("other.pmk", "");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto mount_other = [&] {
    const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 &&
                            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount(path_.c_str(), other.c_str(), nullptr, MS_BIND, nullptr) == 0;
    if (::write(ends[1], is_mounted ? "y" : "n", 1) != 1) ::_exit(96);
  };
  StoreProcess guest(mount_other);
  char is_mounted = 'n';
  ASSERT_EQ(::read(ends[0], &is_mounted, 1), 1);
  ::close(ends[0]);
  ::close(ends[1]);
  if (is_mounted != 'y') GTEST_SKIP() << "no mount namespaces here";

  StoreProcess host;
  for (const char* how : {"open_writer ", "open_reader "}) {
    ASSERT_EQ(host.ask("open_writer " + path_), "ok");
    ASSERT_EQ(host.ask("hold"), "ok");
    EXPECT_THAT(guest.ask(how + other), AllOf(StartsWith("unsafe_lock_file"), HasSubstr(other + "-lock"),
                                              HasSubstr(std::to_string(host.pid()))));
    ASSERT_EQ(host.ask("close"), "ok");
    ASSERT_EQ(guest.ask(how + other), "ok") << "alone";
    EXPECT_THAT(host.ask("open_writer " + path_), AllOf(StartsWith("unsafe_lock_file"), HasSubstr(lock_)));
    ASSERT_EQ(guest.ask("close"), "ok");
  }
  expect_clean(path_);
}

// ---------------------------------------------------------------------------------------------- Owners and permissions

struct Facts {
  unsigned owner = 0;
  unsigned group = 0;
  unsigned permissions = 0;
  friend bool operator==(const Facts&, const Facts&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Facts& facts) {
    return out << facts.owner << ':' << facts.group << ' ' << std::oct << facts.permissions << std::dec;
  }
};

Facts facts_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_uid, facts.st_gid, facts.st_mode & 07777};
}

class Users : public SharedFile {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "only root can become other users";
    fs::remove(lock_);
    give(path_, kOwner, kOwnGroup, 0644);
    give(folder_.path("."), kOwner, kOwnGroup, 0755);
  }
  static void give(const std::string& path, unsigned owner, unsigned group, unsigned permissions) {
    ASSERT_EQ(::chown(path.c_str(), owner, group), 0);
    ASSERT_EQ(::chmod(path.c_str(), permissions), 0);
  }
  static std::function<void()> user(unsigned who, unsigned group, std::vector<gid_t> groups = {},
                                    mode_t mask = 022) {
    return [=] { become(who, group, groups, mask); };
  }
};

TEST_F(Users, TheOwnerCanWriteAfterRootHasLookedAtTheFile) {
  for (const mode_t mask : {mode_t{022}, mode_t{077}, mode_t{000}}) {
    for (const char* how : {"open_writer ", "open_reader "}) {
      fs::remove(lock_);
      {
        StoreProcess root([=] { ::umask(mask); });
        ASSERT_EQ(root.ask(how + path_), "ok");
        ASSERT_EQ(root.ask("info"), "ok");
        EXPECT_EQ(facts_of(lock_), facts_of(path_));
        StoreProcess beside(user(kOwner, kOwnGroup));
        ASSERT_EQ(beside.ask("open_writer " + path_), "ok");
        EXPECT_EQ(beside.ask("insert O"), "ok");
      }
      StoreProcess owner(user(kOwner, kOwnGroup));
      ASSERT_EQ(owner.ask("open_writer " + path_), "ok");
      EXPECT_EQ(owner.ask("insert O"), "ok");
    }
  }
}

TEST_F(Users, AllMembersOfAGroupCanWriteWhoeverCameFirst) {
  give(folder_.path("."), 0, kTeam, 02775);
  for (const mode_t mask : {mode_t{022}, mode_t{077}, mode_t{002}}) {
    for (const unsigned first : {kOwner, kMember}) {
      for (const char* how : {"open_writer ", "open_reader "}) {
        fs::remove(lock_);
        give(path_, kOwner, kTeam, 0660);
        StoreProcess one(user(first, kOwnGroup, {kTeam}, mask));
        StoreProcess other(user(first == kOwner ? kMember : kOwner, kOwnGroup, {kTeam}, mask));
        ASSERT_EQ(one.ask(how + path_), "ok");
        if (fs::exists(lock_)) {  // Readers who are not the owner do without one.
          EXPECT_EQ(facts_of(lock_).group, kTeam);
          EXPECT_EQ(facts_of(lock_).permissions, 0660U);
        }
        ASSERT_EQ(other.ask("open_writer " + path_), "ok")
            << first << " came first, with " << how << ", umask " << mask;
        EXPECT_EQ(other.ask("insert O"), "ok");
        EXPECT_THAT(one.ask("read"), HasSubstr(" O"));
        ASSERT_EQ(one.ask("close"), "ok");
        ASSERT_EQ(one.ask("open_writer " + path_), "ok");
        EXPECT_EQ(one.ask("insert P"), "ok");
      }
    }
  }
}

TEST_F(Users, AMessageNamesALockFileThatMayNotBeWritten) {
  std::ofstream(lock_).close();
  give(lock_, 0, 0, 0644);
  StoreProcess owner(user(kOwner, kOwnGroup));
  EXPECT_THAT(owner.ask("open_writer " + path_),
              AllOf(StartsWith("permission_denied"), HasSubstr("'" + lock_ + "'"), HasSubstr("chown")));
  EXPECT_EQ(owner.ask("open_reader " + path_), "ok") << "reading needs no lock file";
  EXPECT_THAT(owner.ask("read"), StartsWith("ok G"));
}

TEST_F(Users, NoNewFileIsMoreOpenThanTheStore) {
  give(path_, kOwner, kOwnGroup, 0600);
  const Finished made = run({PIECEMARK_PROGRAM, "salvage", path_, folder_.path("salvaged.pmk")});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(facts_of(folder_.path("salvaged.pmk")), facts_of(path_));
  ASSERT_EQ(run({PIECEMARK_PROGRAM, "backup", path_, folder_.path("backup.pmk")}).status, 0);
  EXPECT_EQ(facts_of(folder_.path("backup.pmk")), facts_of(path_));
  EXPECT_EQ(facts_of(lock_), facts_of(path_));
}

// --------------------------------------------------------------------------------------- Readers without a lock file

class WithoutLockFile : public Users {
 protected:
  void SetUp() override {
    Users::SetUp();
    if (IsSkipped()) return;
    StoreProcess owner(user(kOwner, kOwnGroup));
    ASSERT_EQ(owner.ask("open_writer " + path_), "ok");
  }
};

TEST_F(WithoutLockFile, AReaderKeepsNoWriterWaiting) {
  StoreProcess owner(user(kOwner, kOwnGroup));
  StoreProcess reader(user(kStranger, kStranger));
  ASSERT_EQ(owner.ask("open_writer " + path_ + " 200"), "ok");
  ASSERT_EQ(reader.ask("open_reader " + path_), "ok");
  ASSERT_EQ(reader.ask("hold"), "ok");
  const std::string before = reader.ask("held");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(owner.ask("insert C" + std::to_string(i)), "ok");
    if (i % 10 == 0) {
      EXPECT_THAT(reader.ask("read"), HasSubstr(" C" + std::to_string(i)));
    }
    EXPECT_EQ(reader.ask("held"), before);
  }
  EXPECT_THAT(reader.ask("read"), AllOf(HasSubstr(" C0 "), HasSubstr(" C49 ")));
  EXPECT_EQ(reader.ask("verify"), "ok");
}

// As daemons do: the system keeps much of /proc from a process that has been another user.
TEST_F(WithoutLockFile, AProcessThatWasRootBeforeCanRead) {
  StoreProcess reader([] {
    become(kStranger, kStranger);
    ::prctl(PR_SET_DUMPABLE, 0);
  });
  EXPECT_EQ(reader.ask("open_reader " + path_), "ok");
  EXPECT_THAT(reader.ask("read"), StartsWith("ok G"));
}

TEST_F(WithoutLockFile, AReaderDoesNotWaitForAWriter) {
  StoreProcess owner(user(kOwner, kOwnGroup));
  ASSERT_EQ(owner.ask("open_writer " + path_), "ok");
  StoreProcess present(user(kStranger, kStranger));
  ASSERT_EQ(present.ask("open_reader " + path_ + " 300"), "ok");
  ASSERT_EQ(owner.ask("insert C"), "ok");
  ASSERT_EQ(owner.ask("begin"), "ok");
  ASSERT_EQ(owner.ask("add D"), "ok");
  StoreProcess newcomer(user(kStranger, kStranger));
  ASSERT_EQ(newcomer.ask("open_reader " + path_ + " 300"), "ok");
  EXPECT_THAT(newcomer.ask("read"), AllOf(HasSubstr(" G"), StartsWith("ok C"), Not(HasSubstr(" D"))));
  EXPECT_THAT(present.ask("read"), AllOf(StartsWith("ok C"), Not(HasSubstr(" D"))));
  ASSERT_EQ(owner.ask("commit"), "ok");
  EXPECT_THAT(newcomer.ask("read"), HasSubstr(" D"));
}

TEST_F(SharedFile, AFileWithTwoNamesCanBeReadAndNotWritten) {
  const std::string second = folder_.path("second.pmk");
  fs::create_hard_link(path_, second);
  for (const std::string& name : {path_, second}) {
    StoreProcess reader;
    ASSERT_EQ(reader.ask("open_reader " + name), "ok");
    EXPECT_THAT(reader.ask("read"), StartsWith("ok G"));
    EXPECT_EQ(reader.ask("verify"), "ok");
    StoreProcess writer;
    EXPECT_THAT(writer.ask("open_writer " + name),
                AllOf(StartsWith("unsafe_lock_file"), HasSubstr("hard links")));
  }
  EXPECT_FALSE(fs::exists(second + "-lock"));
  fs::remove(second);
  StoreProcess writer;
  EXPECT_EQ(writer.ask("open_writer " + path_), "ok");
}

// A backup tool links the file while a writer has it open.
TEST_F(SharedFile, ASecondNameGivenWhileTheFileIsOpenCanBeRead) {
  StoreProcess writer;
  ASSERT_EQ(writer.ask("open_writer " + path_), "ok");
  const std::string second = folder_.path("second.pmk");
  fs::create_hard_link(path_, second);
  StoreProcess reader;
  ASSERT_EQ(reader.ask("open_reader " + second), "ok");
  ASSERT_EQ(reader.ask("hold"), "ok");
  const std::string before = reader.ask("held");
  ASSERT_EQ(writer.ask("commit_many 100"), "ok");
  EXPECT_EQ(reader.ask("held"), before);
  EXPECT_THAT(reader.ask("read"), HasSubstr(" M99"));
}

// ----------------------------------------------------------------------------------------------------------- Containers

// Process 1 of a namespace of its own.
void become_first_process(const char* with_proc) {
  if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    ::_exit(95);
  const pid_t pid = ::fork();
  if (pid > 0) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
  }
  if (with_proc != nullptr && ::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(94);
}

class Containers : public SharedFile {
 protected:
  void SetUp() override {
    StoreProcess probe([] { become_first_process("proc"); });
    if (!probe.ask("open_reader " + path_).starts_with("ok"))
      GTEST_SKIP() << "no namespaces of process ids here";
  }
  static std::unique_ptr<StoreProcess> container() {
    return std::make_unique<StoreProcess>([] { become_first_process("proc"); });
  }
  // What the second of two processes with one id gets: what it asked for, or what is the matter.
  static auto works_or_says_what_is_the_matter() {
    return AnyOf(StartsWith("ok"),
                 AllOf(StartsWith("busy"), HasSubstr("same process id"), HasSubstr("another PID namespace")));
  }
};

TEST_F(Containers, WithOneProcessIdReadBesideEachOther) {
  for (const char* first : {"open_reader ", "open_writer "}) {
    const auto one = container();
    const auto other = container();
    ASSERT_EQ(one->ask(first + path_), "ok");
    ASSERT_EQ(one->ask("hold"), "ok");
    ASSERT_EQ(other->ask("open_reader " + path_), "ok");
    ASSERT_EQ(other->ask("hold"), "ok");
    const std::string before = other->ask("held");
    EXPECT_EQ(one->ask("held"), before);
    EXPECT_EQ(other->ask("verify"), "ok");
    // A writer outside.
    StoreProcess writer;
    ASSERT_EQ(writer.ask("open_writer " + path_), "ok");
    ASSERT_EQ(writer.ask("commit_many 150"), "ok");
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    ASSERT_EQ(writer.ask("commit_many 150"), "ok");
    EXPECT_EQ(one->ask("held"), before);
    EXPECT_EQ(other->ask("held"), before);
    EXPECT_THAT(one->ask("read"), HasSubstr(" M149"));
    EXPECT_THAT(other->ask("read"), HasSubstr(" M149"));
  }
  expect_clean(path_);
}

TEST_F(Containers, WithOneProcessIdWriteOrAreTold) {
  for (const char* first : {"open_reader ", "open_writer "}) {
    const auto one = container();
    const auto other = container();
    ASSERT_EQ(one->ask(first + path_), "ok");
    ASSERT_EQ(one->ask("hold"), "ok");
    const std::string before = one->ask("held");
    const std::string opened = other->ask("open_writer " + path_);
    EXPECT_THAT(opened, works_or_says_what_is_the_matter());
    if (opened == "ok") {
      EXPECT_THAT(other->ask("read"), works_or_says_what_is_the_matter());
      EXPECT_THAT(other->ask("insert O"), works_or_says_what_is_the_matter());
      other->ask("commit_many 150");
    }
    EXPECT_EQ(one->ask("held"), before);
    EXPECT_THAT(one->ask("read"), StartsWith("ok"));
    ASSERT_EQ(one->ask("close"), "ok");
    EXPECT_EQ(other->ask("open_writer " + path_), "ok") << "alone";
    EXPECT_EQ(other->ask("insert P"), "ok");
  }
  expect_clean(path_);
}

// A container that was killed, and started again with the same process ids, while another process has the file open.
TEST_F(Containers, LeaveNoReaderBehind) {
  StoreProcess present;
  ASSERT_EQ(present.ask("open_writer " + path_), "ok");
  auto one = container();
  ASSERT_EQ(one->ask("open_reader " + path_), "ok");
  ASSERT_EQ(one->ask("hold"), "ok");
  one->kill();
  one = container();
  ASSERT_EQ(one->ask("open_writer " + path_), "ok");
  ASSERT_EQ(one->ask("insert A"), "ok");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  ASSERT_EQ(one->ask("insert B"), "ok");
  ASSERT_EQ(present.ask("insert C"), "ok");
  EXPECT_TRUE(Store::open(path_).long_readers(0).empty());
  ASSERT_EQ(present.ask("commit_many 300"), "ok");
  const auto size = fs::file_size(path_);
  ASSERT_EQ(present.ask("commit_many 300"), "ok");
  EXPECT_EQ(fs::file_size(path_), size) << "pages are used again";
}

// -------------------------------------------------------------------------------------------------------------- Threads

// A write transaction that was begun here ends on another thread, while this one lives.
class OtherThread : public SharedFile, public ::testing::WithParamInterface<const char*> {};

TEST_P(OtherThread, EndsAWriteTransaction) {
  const std::string way = GetParam();
  Store store = Store::open(path_, {.busy_timeout_ms = 2'000});
  for (int i = 0; i < 3; ++i) {
    std::optional<WriteTxn> txn = store.write();
    txn->insert({.piece_mark = "T" + std::to_string(i)});
    std::optional<ErrorCode> error;
    std::thread([&] {
      error = error_of([&] {
        if (way == "commit") txn->commit();
        if (way == "rollback") txn->rollback();
        txn.reset();
      });
    }).join();
    EXPECT_EQ(error, std::nullopt);
    // On this thread, on another one, in another process.
    EXPECT_EQ(error_of([&] { store.write().commit(); }), std::nullopt);
    std::thread([&] { EXPECT_EQ(error_of([&] { store.write().commit(); }), std::nullopt); }).join();
    StoreProcess other;
    ASSERT_EQ(other.ask("open_writer " + path_ + " 2000"), "ok");
    EXPECT_EQ(other.ask("insert P"), "ok");
    const bool is_there = other.ask("read").find(" T" + std::to_string(i)) != std::string::npos;
    EXPECT_EQ(is_there, way == "commit");
  }
  expect_clean(path_);
}

INSTANTIATE_TEST_SUITE_P(By, OtherThread, ::testing::Values("commit", "rollback", "destructor"),
                         [](const auto& way) { return std::string(way.param); });

// ----------------------------------------------------------------------------------------------------------- Durability

template <class Work>
unsigned waits_of(const Work& work) {
  const unsigned before = waits_for_disk;
  work();
  return waits_for_disk - before;
}

TEST_F(SharedFile, AFullCommitWithoutChangesMakesEarlierCommitsDurable) {
  Store relaxed = Store::open(path_, {.durability = Durability::relaxed});
  Store full = Store::open(path_);
  const auto insert = [](Store& store) {
    WriteTxn txn = store.write();
    txn.insert({.piece_mark = "R"});
    txn.commit();
  };
  EXPECT_EQ(waits_of([&] { insert(relaxed); }), 1U) << "for the pages";
  EXPECT_EQ(waits_of([&] { relaxed.write().commit(); }), 0U) << "relaxed";
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 1U) << "for the record that makes them valid";
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 0U) << "the disk has it all";
  EXPECT_EQ(waits_of([&] { insert(full); }), 1U)
      << "for the pages; the record is written so that the write waits";
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 0U);
  EXPECT_EQ(waits_of([&] { insert(relaxed); }), 1U);
  EXPECT_EQ(waits_of([&] { full.write().rollback(); }), 0U);
  EXPECT_EQ(waits_of([&] { full.write_grouped([](WriteTxn&) {}); }), 1U);
}

// The commits of another process, whose durability nobody knows here.
TEST_F(SharedFile, AFullCommitWithoutChangesMakesCommitsOfOtherProcessesDurable) {
  Store full = Store::open(path_);
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 1U);
  StoreProcess other;
  ASSERT_EQ(other.ask("open_writer " + path_), "ok");
  ASSERT_EQ(other.ask("insert R"), "ok");
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 1U);
  EXPECT_EQ(waits_of([&] { full.write().commit(); }), 0U);
}

// ----------------------------------------------------------------------------------------------------- Many snapshots

TEST_F(SharedFile, SnapshotsOfOneProcessKeepNoOtherOut) {
  StoreProcess many;
  ASSERT_EQ(many.ask("open_writer " + path_), "ok");
  const std::string answer = many.ask("hold_many 5000");
  std::printf("%s\n", answer.c_str());
  EXPECT_THAT(answer,
              AllOf(StartsWith("ok 1"), HasSubstr("busy"), HasSubstr("snapshots that this process has open"),
                    HasSubstr("end those that are no longer needed")));
  const std::string before = many.ask("held");

  std::vector<std::unique_ptr<StoreProcess>> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(std::make_unique<StoreProcess>());
    ASSERT_EQ(others.back()->ask("open_writer " + path_), "ok");
    EXPECT_EQ(others.back()->ask("insert O"), "ok");
    EXPECT_THAT(others.back()->ask("read"), HasSubstr(" O"));
    EXPECT_EQ(others.back()->ask("hold"), "ok");
    EXPECT_EQ(others.back()->ask("verify"), "ok");
    std::printf("%s\n", others.back()->ask("hold_many 5000").c_str());
  }
  EXPECT_EQ(many.ask("insert M"), "ok") << "writing needs no snapshot";
  EXPECT_EQ(many.ask("held"), before);
  EXPECT_THAT(many.ask("read"), StartsWith("busy"));
  ASSERT_EQ(many.ask("release"), "ok");
  EXPECT_THAT(many.ask("read"), HasSubstr(" M"));
  StoreProcess newcomer;
  ASSERT_EQ(newcomer.ask("open_writer " + path_), "ok");
  EXPECT_THAT(newcomer.ask("read"), HasSubstr(" M"));
  EXPECT_EQ(newcomer.ask("insert N"), "ok");
}

// Those of a process that was killed.
TEST_F(SharedFile, SnapshotsOfAKilledProcessAreFreedForOthers) {
  StoreProcess present;
  ASSERT_EQ(present.ask("open_writer " + path_), "ok");
  for (int i = 0; i < 3; ++i) {
    StoreProcess many;
    ASSERT_EQ(many.ask("open_reader " + path_), "ok");
    EXPECT_THAT(many.ask("hold_many 1500"), StartsWith("ok 1500"));
    many.kill();
  }
  EXPECT_THAT(present.ask("hold_many 1500"), StartsWith("ok 1500"));
}

}  // namespace
}  // namespace piecemark::testing
