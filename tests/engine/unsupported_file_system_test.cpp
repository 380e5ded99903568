// File systems that cannot map or lock files: a filter of the kernel lets those calls fail as such a file system does.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <vector>

#include "engine/environment.h"
#include "engine/lmdb_error.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 2> kTables{"one", "two"};

enum class Lacking { maps, record_locks, open_file_locks };

// From now on, for this process.
bool take_away(Lacking what, int error) {
  const auto refused = SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  const auto jump_if_equal = [](std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
  };
  const auto answer = [](std::uint32_t verdict) { return sock_filter BPF_STMT(BPF_RET | BPF_K, verdict); };
  const auto argument = [](std::size_t index) {
    return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
  };
  std::vector<sock_filter> filter{load(offsetof(seccomp_data, nr))};
  switch (what) {
    case Lacking::maps:  // of files: what is not of a file has the descriptor -1
      filter.insert(filter.end(),
                    {jump_if_equal(SYS_mmap, 1, 0), answer(SECCOMP_RET_ALLOW), load(argument(4)),
                     jump_if_equal(~std::uint32_t{0}, 1, 0), answer(refused)});
      break;
    case Lacking::record_locks:
      filter.insert(filter.end(),
                    {jump_if_equal(SYS_fcntl, 1, 0), answer(SECCOMP_RET_ALLOW), load(argument(1)),
                     jump_if_equal(F_SETLK, 1, 0), jump_if_equal(F_SETLKW, 0, 1), answer(refused)});
      break;
    case Lacking::open_file_locks:
      filter.insert(filter.end(), {jump_if_equal(SYS_fcntl, 1, 0), answer(SECCOMP_RET_ALLOW),
                                   load(argument(1)), jump_if_equal(F_OFD_SETLK, 0, 1), answer(refused)});
      break;
  }
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// What the call says where the file system lacks this; "done" if it succeeds.
std::string outcome(Lacking what, int error, const std::function<void()>& call) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string said = "done";
    if (!take_away(what, error)) {
      said = "no filter";
    } else {
      try {
        call();
      } catch (const std::exception& failure) {
        said = failure.what();
      }
    }
    const bool is_said = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    ::_exit(is_said ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  for (char c = 0; ::read(ends[0], &c, 1) == 1;) said += c;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

class UnsupportedFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (outcome(Lacking::maps, EINVAL, [] {}) != "done") GTEST_SKIP() << "the kernel takes no filter here";
    Environment::create(path_, kTables, [](WriteTransaction&) {});
  }
  void create_another() const {
    Environment::create(folder_.path("another"), kTables, [](WriteTransaction&) {});
  }

  static auto says_what_to_do() {
    return AllOf(HasSubstr(": unsupported_platform\n"), HasSubstr("a file system that cannot"),
                 HasSubstr("next       copy the file to a local disk"));
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("store");
};

TEST_F(UnsupportedFileSystemTest, IsNamedByWhoeverOpens) {
  for (const Lacking what : {Lacking::maps, Lacking::record_locks, Lacking::open_file_locks}) {
    for (const int error : {EINVAL, ENODEV, ENOSYS, ENOLCK, EOPNOTSUPP}) {
      for (const bool is_read_only : {false, true}) {
        EXPECT_THAT(
            outcome(what, error, [&] { Environment::open(path_, kTables, {.read_only = is_read_only}); }),
            says_what_to_do())
            << "what " << static_cast<int>(what) << ", error " << error;
      }
    }
  }
}

TEST_F(UnsupportedFileSystemTest, IsNamedByWhoeverCreates) {
  for (const int error : {EINVAL, ENODEV, ENOSYS, EOPNOTSUPP}) {
    EXPECT_THAT(outcome(Lacking::maps, error, [&] { create_another(); }), says_what_to_do()) << error;
    EXPECT_FALSE(std::filesystem::exists(folder_.path("another")));
  }
}

// A backup may go to a file system without locks: nobody else knows the file before it has its name.
TEST_F(UnsupportedFileSystemTest, NewFileNeedsNoLocks) {
  for (const int error : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    std::filesystem::remove(folder_.path("another"));
    EXPECT_EQ(outcome(Lacking::open_file_locks, error, [&] { create_another(); }), "done");
  }
}

TEST(LmdbError, InvalidArgumentMeansWhatItWasMetIn) {
  EXPECT_EQ(lmdb_error(EINVAL, "cannot write", "/proc/version").code(), ErrorCode::invalid_use);
  const Error opening = opening_error(EINVAL, "cannot open", "/proc/version");
  EXPECT_EQ(opening.code(), ErrorCode::unsupported_platform);
  EXPECT_EQ(opening.facts().found,
            "proc, mounted on '/proc', a file system that cannot map, lock or sync files: Invalid argument");
  EXPECT_THAT(opening_error(ENODEV, "cannot sort", "/proc/version").what(), Not(HasSubstr("check the disk")));
}

}  // namespace
}  // namespace piecemark::engine
