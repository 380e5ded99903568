// Ends the room for a migration at every size between that of the file before and that after it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "laboratory.h"

namespace piecemark::testing {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kRuns = 100;
constexpr Size kSize{.drawings = 10, .rows_per_drawing = 100};

// Limits the size of files that this process writes, and lifts the limit.
class FileSizeLimit {
 public:
  FileSizeLimit() : old_action_(std::signal(SIGXFSZ, SIG_IGN)) { ::getrlimit(RLIMIT_FSIZE, &old_); }
  ~FileSizeLimit() {
    lift();
    std::signal(SIGXFSZ, old_action_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  void set(std::uint64_t bytes) const {
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  void (*old_action_)(int);
  rlimit old_{};
};

// A small file system in memory that this process alone sees, with a file that takes its room away.
class SmallDisk {
 public:
  SmallDisk() {
    std::filesystem::create_directory(root_);
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=16m") != 0) {
      problem_ = std::string("cannot mount a tmpfs here: ") + std::strerror(errno);
    }
  }
  ~SmallDisk() {
    if (problem_.empty()) ::umount2(root_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Empty if there is a disk.
  const std::string& problem() const { return problem_; }
  std::string path(const char* name) const { return root_ + "/" + name; }

  void fill_but(std::uint64_t bytes) const {
    struct statvfs facts {};
    ASSERT_EQ(::statvfs(root_.c_str(), &facts), 0);
    const std::uint64_t free = facts.f_bavail * facts.f_frsize;
    ASSERT_GE(free, bytes);
    const int filler = ::open(path("filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_EQ(::posix_fallocate(filler, 0, static_cast<off_t>(free - bytes)), 0);
    ::close(filler);
  }
  void give_back() const { std::filesystem::remove(path("filler")); }

 private:
  TemporaryFolder folder_;
  std::string root_ = folder_.path("disk");
  std::string problem_;
};

std::uint64_t bytes_in(const std::string& folder) {
  std::uint64_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().string().ends_with("-lock")) sum += entry.file_size();
  }
  return sum;
}

std::uint64_t bytes_after(const Operation& operation, const std::string& folder) {
  std::uint64_t bytes = 0;
  attempt(operation, folder, {[] {}, [&] { bytes = bytes_in(folder); }});
  return bytes;
}

// Attempts the operation with ever more room: it fails up to some point, and from there on it does not.
void give_more_and_more_room(const Operation& operation, const std::string& folder, std::uint64_t first,
                             std::uint64_t last, const std::function<void(std::uint64_t)>& set_room,
                             const std::function<void()>& lift) {
  const std::uint64_t stride = std::max(kPage, (last - first) / kRuns / kPage * kPage);
  std::uint64_t failed = 0;
  std::uint64_t done = 0;
  for (std::uint64_t room = first; room <= last + stride; room += stride) {
    SCOPED_TRACE(operation.name + " with room for " + std::to_string(room) + " bytes");
    const Outcome outcome = attempt(operation, folder, {[&] { set_room(room); }, lift});
    ++(outcome.is_new ? done : failed);
    EXPECT_EQ(outcome.reported, outcome.is_new ? "done" : "disk_full");
    EXPECT_TRUE(outcome.is_new || done == 0) << "less room was enough";
  }
  std::printf("%s: %lu times disk_full, %lu times done\n", operation.name.c_str(), failed, done);
  EXPECT_GT(failed, 0U);
  EXPECT_GT(done, 0U);
}

class DiskFullTest : public ::testing::TestWithParam<NamedOperation> {};

TEST_P(DiskFullTest, LimitOnFileSizes) {
  const TemporaryFolder folder;
  const FileSizeLimit limit;
  const Operation operation = GetParam().make(folder, kSize);
  const std::string work = folder.path("work");
  give_more_and_more_room(
      operation, work, 0, bytes_after(operation, work), [&](std::uint64_t bytes) { limit.set(bytes); },
      [&] { limit.lift(); });
}

TEST_P(DiskFullTest, SmallDisk) {
  const SmallDisk disk;
  if (!disk.problem().empty()) GTEST_SKIP() << disk.problem();
  const TemporaryFolder folder;
  const Operation operation = GetParam().make(folder, kSize);
  const std::string work = disk.path("work");
  const std::uint64_t growth = bytes_after(operation, work) - std::filesystem::file_size(operation.prepared);
  give_more_and_more_room(
      operation, work, 0, growth, [&](std::uint64_t bytes) { disk.fill_but(bytes); },
      [&] { disk.give_back(); });
}

INSTANTIATE_TEST_SUITE_P(Each, DiskFullTest,
                         ::testing::Values(kUpgrade, kFirstDowngrade, kUpgradeInto, kBackup),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace piecemark::testing
