// What those share who use a lock file at the same time.
#include "engine/lock_file.h"

#include <gtest/gtest.h>

#include <barrier>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using piecemark::testing::TemporaryFolder;

// As FORMAT.md has it.
constexpr os::ByteRange kUserByte{(std::uint64_t{1} << 62) + (std::uint64_t{1} << 48), 1};

class LockFileTest : public ::testing::Test {
 protected:
  LockFileTest() { folder_.write("site.pmk", ""); }

  LockFile opened() const {
    os::File store;
    EXPECT_FALSE(os::open_file(path_, os::Access::read, store));
    return LockFile::open(path_, store, "test");
  }
  LockFile joined() const {
    LockFile file = opened();
    EXPECT_FALSE(file.join(deadline_in(1'000)));
    return file;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("site.pmk");
};

TEST_F(LockFileTest, TheFirstUserResetsTheSharedState) {
  {
    LockFile first = joined();
    first.shared().announce({.commit = 7, .random = 1});
    first.shared().tell({.commit = 7, .random = 1}, 0);
    LockFile second = joined();
    EXPECT_EQ(second.shared().announced_commit(), 7U);
    first.close();
    LockFile third = joined();
    EXPECT_EQ(third.shared().last_commit(), (CommitMark{.commit = 7, .random = 1}));
  }
  LockFile next = joined();
  EXPECT_EQ(next.shared().announced_commit(), 0U);
  EXPECT_EQ(next.shared().last_commit(), std::nullopt);
}

TEST_F(LockFileTest, TheSharedStateExpectsWhatWasToldOrAnnounced) {
  LockFile file = joined();
  SharedState& shared = file.shared();
  const auto random_of = [&](std::uint64_t commit) -> std::optional<std::uint64_t> {
    const auto expected = shared.expected(commit);
    return expected ? expected->random.value_or(0) : std::optional<std::uint64_t>();
  };
  EXPECT_EQ(random_of(5), 0U) << "nothing was told";
  shared.tell({.commit = 7, .random = 70}, 700);
  EXPECT_EQ(random_of(6), std::nullopt);
  EXPECT_EQ(random_of(7), 70U);
  EXPECT_EQ(shared.expected(7)->meta_hash, 700U);
  EXPECT_EQ(random_of(8), std::nullopt) << "nobody was about to make it";
  EXPECT_EQ(shared.last_commit(), std::nullopt) << "it was there when the file was opened";
  shared.announce({.commit = 8, .random = 80});
  EXPECT_EQ(random_of(7), 70U);
  EXPECT_EQ(random_of(8), 80U);
  EXPECT_EQ(shared.expected(8)->meta_hash, 0U) << "its meta page is not written yet";
  shared.announce({.commit = 8, .random = 81});  // After one that failed.
  EXPECT_EQ(random_of(8), 81U);
  shared.tell({.commit = 8, .random = 81}, 800);
  EXPECT_EQ(random_of(7), std::nullopt);
  EXPECT_EQ(shared.last_commit(), (CommitMark{.commit = 8, .random = 81}));
  shared.announce_without_mark(9);
  EXPECT_EQ(random_of(9), 81U);
  EXPECT_EQ(shared.last_commit(), std::nullopt) << "another one was announced";
}

TEST_F(LockFileTest, WhoUsesItNoMoreIsNoUser) {
  LockFile first = joined();
  first.shared().announce({.commit = 7});
  first = LockFile();
  EXPECT_EQ(joined().shared().announced_commit(), 0U);
}

// One that is stopped while it resets the state: the others are told, and nobody uses a state that is half reset.
TEST_F(LockFileTest, WaitsNoLongerThanUntilTheDeadlineForTheFirstUser) {
  const LockFile first = opened();
  ASSERT_FALSE(os::try_lock(first.descriptor(), kUserByte, os::LockMode::exclusive));
  LockFile second = opened();
  EXPECT_EQ(second.join(deadline_in(10)), std::errc::resource_unavailable_try_again);
  os::unlock(first.descriptor(), kUserByte);
  EXPECT_FALSE(second.join(deadline_in(10)));
}

// Each writes as soon as it has joined: nobody who comes at the same moment may take that away.
TEST_F(LockFileTest, NobodyLosesWhatAnotherUserHasWritten) {
  constexpr int kUsers = 4;
  constexpr int kRounds = 1'000;
  std::vector<std::uint64_t> seen(kUsers);
  std::vector<LockFile> files(kUsers);
  int lost = 0;
  std::barrier opened_by_all(kUsers);
  std::barrier joined_by_all(kUsers, [&]() noexcept {
    for (const std::uint64_t commit : seen) lost += commit == 0 ? 1 : 0;
  });
  const auto use = [&](std::size_t user) {
    for (int round = 0; round < kRounds; ++round) {
      files[user] = opened();
      opened_by_all.arrive_and_wait();
      const bool is_joined = !files[user].join(deadline_in(1'000));
      files[user].shared().announce({.commit = user + 1});
      std::this_thread::yield();
      seen[user] = is_joined ? files[user].shared().announced_commit() : 0;
      joined_by_all.arrive_and_wait();
      files[user].close();
    }
  };
  std::vector<std::thread> users;
  for (std::size_t user = 0; user < kUsers; ++user) users.emplace_back(use, user);
  for (std::thread& user : users) user.join();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace piecemark::engine
