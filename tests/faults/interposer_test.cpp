#include "interposer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <string>

#include "tests/support/temporary.h"

namespace piecemark::testing {
namespace {

class InterposerTest : public ::testing::Test {
 protected:
  InterposerTest() : path_(folder_.write("file", "")), descriptor_(::open(path_.c_str(), O_RDWR)) {}
  ~InterposerTest() override { ::close(descriptor_); }

  ssize_t write_text() const { return ::pwrite(descriptor_, "abcd", 4, 0); }
  ssize_t write_in_parts() const {
    std::array<char, 4> text{'a', 'b', 'c', 'd'};
    const std::array<iovec, 2> parts{{{text.data(), 2}, {text.data() + 2, 2}}};
    return ::writev(descriptor_, parts.data(), 2);
  }

  TemporaryFolder folder_;
  std::string path_;
  int descriptor_;
};

TEST_F(InterposerTest, FailsOnceOrFromThenOn) {
  for (const auto& [duration, failed] : {std::pair{Duration::once, 1U}, {Duration::from_then_on, 3U}}) {
    arm(Fault::write_error, 2, duration);
    const std::array<ssize_t, 4> results{write_text(), write_text(), write_text(), write_text()};
    const int error = errno;
    const Struck struck = disarm();
    EXPECT_EQ(results[0], 4);
    EXPECT_EQ(results[1], -1);
    EXPECT_EQ(results[2], duration == Duration::once ? 4 : -1);
    EXPECT_EQ(error, EIO);
    EXPECT_EQ(struck.calls, 4U);
    EXPECT_EQ(struck.failed, failed);
    EXPECT_EQ(write_text(), 4) << "disarmed";
  }
}

TEST_F(InterposerTest, WritesWhatTheFaultSays) {
  const auto written = [&](Fault fault, auto write) {
    EXPECT_EQ(::ftruncate(descriptor_, 0), 0);
    arm(fault, 1, Duration::once);
    const ssize_t result = write();
    disarm();
    return std::to_string(result) + " " + read_file(path_);
  };
  const auto whole = [&] { return write_text(); };
  EXPECT_EQ(written(Fault::write_error, whole), "-1 ");
  EXPECT_EQ(written(Fault::disk_full, whole), "-1 ");
  EXPECT_EQ(written(Fault::short_write, whole), "2 ab");
  EXPECT_EQ(written(Fault::late_write, whole), "-1 abcd");
  EXPECT_EQ(written(Fault::sync_error, whole), "4 abcd");
  EXPECT_EQ(written(Fault::short_write, [&] { return write_in_parts(); }), "2 ab");
}

TEST_F(InterposerTest, FailsSyncsAndTruncations) {
  arm(Fault::sync_error, 1, Duration::from_then_on);
  EXPECT_EQ(::fsync(descriptor_), -1);
  EXPECT_EQ(::fdatasync(descriptor_), -1);
  EXPECT_EQ(disarm().failed, 2U);
  arm(Fault::disk_full, 1, Duration::once);
  EXPECT_EQ(::ftruncate(descriptor_, 1), -1);
  EXPECT_EQ(disarm().failed, 1U);
}

TEST_F(InterposerTest, FailsAllocations) {
  bool is_thrown = false;
  arm(Fault::allocation, 1, Duration::once);
  try {
    ::operator delete(::operator new(100));
  } catch (const std::bad_alloc&) {
    is_thrown = true;
  }
  const Struck struck = disarm();
  EXPECT_TRUE(is_thrown);
  EXPECT_GE(struck.calls, 1U);
  EXPECT_EQ(struck.failed, 1U);
}

}  // namespace
}  // namespace piecemark::testing
