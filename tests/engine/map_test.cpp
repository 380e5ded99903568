// The map of an open file, while transactions of the process keep it where it is.
#include "engine/map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <list>
#include <optional>
#include <thread>

#include "engine/environment.h"
#include "piecemark/error.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 1> kTables{"table"};
constexpr std::uint64_t kSmallMap = 1 << 20;

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

void put(Environment& environment, std::string_view key, std::size_t bytes) {
  WriteTransaction transaction = environment.begin_write();
  transaction.put(environment.table(0), key, std::string(bytes, 'x'));
  transaction.commit(Durability::relaxed);
}

// Another process, which writes so much that the file outgrows a map of the size that it is told of. It is forked before this
// one has threads.
class OtherWriter {
 public:
  explicit OtherWriter(const std::string& path)
      : child_([&](const testing::ForkedChild::Pipes& pipes) {
          unsigned number = 0;
          for (std::uint64_t map_bytes = 0; pipes.receive(map_bytes);) {
            const auto write = [&] {
              const auto own = Environment::open(path, kTables, {.map_size_bytes = 8 * map_bytes});
              put(*own, "other " + std::to_string(++number), 3 * map_bytes);
            };
            if (!pipes.send(error_of(write) ? '-' : '+')) break;
          }
          return 0;
        }) {}

  // '+' once that is done.
  char outgrow(std::uint64_t map_bytes) const {
    char answer = '!';
    return child_.pipes().send(map_bytes) && child_.pipes().receive(answer) ? answer : '!';
  }

 private:
  testing::ForkedChild child_;
};

class MapTest : public ::testing::Test {
 protected:
  explicit MapTest(std::uint32_t busy_timeout_ms = 10'000) {
    Environment::create(path_, kTables, [](WriteTransaction&) {}, {.map_size_bytes = kSmallMap});
    other_.emplace(path_);
    environment_ =
        Environment::open(path_, kTables, {.map_size_bytes = kSmallMap, .busy_timeout_ms = busy_timeout_ms});
  }

  void put_small() { put(*environment_, "small", 1); }
  void put_large() { put(*environment_, "large", 2 * kSmallMap); }
  std::uint64_t entries() const { return environment_->begin_read().entries(environment_->table(0)); }
  void outgrow() const { ASSERT_EQ(other_->outgrow(environment_->usage().map_bytes), '+'); }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("store");
  std::optional<OtherWriter> other_;
  std::shared_ptr<Environment> environment_;
};

// The other one may have a map that is larger than this process can have.
TEST_F(MapTest, FollowsTheGrowthOfAFileByWhatItNeeds) {
  const testing::ForkedChild other([&](const testing::ForkedChild::Pipes& pipes) {
    char byte = 0;
    if (!pipes.receive(byte)) return 1;
    put(*Environment::open(path_, kTables, {.map_size_bytes = std::uint64_t{1} << 34}), "other",
        8 * kSmallMap);
    return pipes.send(byte) ? 0 : 1;
  });
  const auto environment = Environment::open(path_, kTables, {.map_size_bytes = kSmallMap});
  char byte = '!';
  ASSERT_TRUE(other.pipes().send(byte) && other.pipes().receive(byte));
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 1U);
  EXPECT_LT(environment->usage().map_bytes, 64 * kSmallMap);
  put(*environment, "own", 1000);
  EXPECT_EQ(environment->begin_read().entries(environment->table(0)), 2U);
}

TEST_F(MapTest, FullOneSaysHowManySnapshotsKeepItFromGrowing) {
  std::list<ReadTransaction> snapshots;
  for (int count = 0; count <= 3; ++count) {
    const std::string message = message_of([&] { put_large(); });
    if (count == 0) {
      EXPECT_THAT(message, AllOf(HasSubstr("disk_full"), Not(HasSubstr("snapshots"))));
    } else {
      EXPECT_THAT(message,
                  AllOf(HasSubstr("disk_full"), HasSubstr("snapshots open: " + std::to_string(count))));
    }
    snapshots.push_back(environment_->begin_read());
  }
  EXPECT_EQ(environment_->usage().map_bytes, kSmallMap);
  snapshots.clear();
  while (error_of([&] { put_large(); }) == ErrorCode::disk_full) {
    ASSERT_LT(environment_->usage().map_bytes, 64 * kSmallMap);
  }
  EXPECT_EQ(entries(), 1U);
}

// The first one may wait for a second; a second for each would make minutes.
TEST_F(MapTest, WritersWaitOnceForSnapshotsThatStay) {
  constexpr int kWriters = 300;
  constexpr int kSmallWrites = 5;  // The snapshot keeps their pages from being used again.
  const ReadTransaction snapshot = environment_->begin_read();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < kWriters; ++i) EXPECT_EQ(error_of([&] { put_large(); }), ErrorCode::disk_full);
  for (int i = 0; i < kSmallWrites; ++i) EXPECT_EQ(error_of([&] { put_small(); }), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
}

TEST_F(MapTest, NextWriteSucceedsOnceTheSnapshotHasEnded) {
  {
    const ReadTransaction snapshot = environment_->begin_read();
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(error_of([&] { put(*environment_, "more", kSmallMap); }), ErrorCode::disk_full);
    EXPECT_EQ(snapshot.entries(environment_->table(0)), 0U);
  }
  EXPECT_EQ(error_of([&] { put(*environment_, "more", kSmallMap); }), std::nullopt);
  EXPECT_EQ(entries(), 1U);
  EXPECT_GT(environment_->usage().map_bytes, kSmallMap);
}

// One that comes and goes does not, however soon the next one begins.
TEST_F(MapTest, SnapshotsThatComeAndGoDoNotKeepItFromGrowing) {
  std::atomic<bool> is_over{false};
  std::thread reader([&] {
    while (!is_over) entries();
  });
  int refused = 0;
  while (error_of([&] { put_large(); }) == ErrorCode::disk_full && refused < 100) ++refused;
  is_over = true;
  reader.join();
  EXPECT_LT(refused, 100);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(MapTest, FullOneLeavesWhatWasThereBefore) {
  put_small();
  const ReadTransaction snapshot = environment_->begin_read();
  WriteTransaction transaction = environment_->begin_write();
  EXPECT_EQ(
      error_of([&] { transaction.put(environment_->table(0), "large", std::string(2 * kSmallMap, 'x')); }),
      ErrorCode::disk_full);
  EXPECT_EQ(error_of([&] { transaction.put(environment_->table(0), "more", ""); }), ErrorCode::invalid_use);
  { const WriteTransaction ended = std::move(transaction); }
  EXPECT_EQ(snapshot.get(environment_->table(0), "small"), "x");
  EXPECT_EQ(entries(), 1U);
  put(*environment_, "other", 1);
  EXPECT_EQ(entries(), 2U);
}

class OutgrownMapTest : public MapTest {
 protected:
  OutgrownMapTest() : MapTest(100) {}
};

TEST_F(OutgrownMapTest, IsAdoptedOnceTheSnapshotHasEnded) {
  put_small();
  {
    const ReadTransaction snapshot = environment_->begin_read();
    outgrow();
    const auto read = [&] { environment_->begin_read(); };
    const auto write = [&] { put(*environment_, "refused", 1); };
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(error_of(read), ErrorCode::busy);
      EXPECT_EQ(error_of(write), ErrorCode::busy);
    }
    EXPECT_THAT(message_of(read),
                AllOf(HasSubstr("cannot read from"), HasSubstr("the file has outgrown its map")));
    EXPECT_THAT(message_of(write),
                AllOf(HasSubstr("cannot write to"), HasSubstr("the file has outgrown its map")));
    EXPECT_EQ(snapshot.get(environment_->table(0), "small"), "x") << "it stays where it was";
    EXPECT_EQ(snapshot.entries(environment_->table(0)), 1U);
  }
  EXPECT_EQ(entries(), 2U);
  put(*environment_, "parent", 1);
  EXPECT_EQ(entries(), 3U);
  outgrow();
  put(*environment_, "parent again", 1);
  EXPECT_EQ(entries(), 5U);
}

class OutgrownMapOfPatientTest : public MapTest {
 protected:
  OutgrownMapOfPatientTest() : MapTest(60'000) {}
};

TEST_F(OutgrownMapOfPatientTest, IsAdoptedByThoseWhoWaitedForTheSnapshot) {
  std::optional<ReadTransaction> snapshot = environment_->begin_read();
  outgrow();
  std::thread writer([&] { put(*environment_, "writer", 1); });
  std::thread reader([&] { EXPECT_GE(entries(), 1U); });
  std::this_thread::sleep_for(20ms);  // In most runs both wait by now; it is right in any.
  EXPECT_EQ(snapshot->entries(environment_->table(0)), 0U);
  snapshot.reset();
  writer.join();
  reader.join();
  EXPECT_EQ(entries(), 2U);
}

}  // namespace
}  // namespace piecemark::engine
