#include "engine/commit_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/record.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

// As engine/FORMAT.md has it.
TEST(CommitClock, GoldenBytes) {
  CommitClock clock;
  clock.add({7, Timestamp{0x0102030405060708}});
  const std::string record = clock.encode("meta");
  EXPECT_EQ(to_hex(Bytes(record).substr(8)),
            "00"        // class version
            "01000000"  // entries
            "0700000000000000"
            "0807060504030201");
  EXPECT_EQ(load<std::uint64_t>(record.data()),
            checksum_of({"meta", kCommitClockKey}, Bytes(record).substr(8)));
  EXPECT_EQ(CommitClock::decode("meta", record).entries(), clock.entries());
}

TEST(CommitClock, DamageIsReported) {
  CommitClock clock;
  clock.add({7, Timestamp{kSecond}});
  std::string record = clock.encode("meta");
  record.back() ^= 1;
  EXPECT_EQ(testing::error_of([&] { CommitClock::decode("meta", record); }), ErrorCode::corrupt_record);
}

TEST(CommitClock, KnowsNothingOfWhatItHasNotSeen) {
  CommitClock clock;
  EXPECT_EQ(clock.superseded_at(1, 9), std::nullopt);
  clock.add({5, Timestamp{kSecond}});
  EXPECT_EQ(clock.superseded_at(5, 5), std::nullopt) << "it is the last commit";
  EXPECT_EQ(clock.superseded_at(4, 5), Timestamp{kSecond});
  EXPECT_EQ(clock.superseded_at(5, 6), Timestamp{2 * kSecond}) << "6 came within a second, or it were noted";
}

TEST(CommitClock, ClockThatWasSetBackIsNoted) {
  CommitClock clock;
  clock.add({5, Timestamp{100 * kSecond}});
  EXPECT_FALSE(clock.is_due(Timestamp{100 * kSecond + 1}));
  EXPECT_TRUE(clock.is_due(Timestamp{101 * kSecond}));
  EXPECT_TRUE(clock.is_due(Timestamp{50 * kSecond}));
}

// Commits at random times, over weeks. The age of any snapshot is never too great, and too small by a second and a third
// at most.
TEST(CommitClock, TellsTheAgeOfAnySnapshot) {
  std::mt19937_64 random(1);
  CommitClock clock;
  std::vector<std::int64_t> made;  // commit i + 1
  std::int64_t now = 1'700'000'000 * kSecond;
  for (int i = 0; i < 20'000; ++i) {
    const double exponent = std::uniform_real_distribution<>(0, i % 1000 == 0 ? 11 : 7.5)(random);
    now += static_cast<std::int64_t>(std::pow(10, exponent));
    made.push_back(now);
    if (clock.is_due(Timestamp{now})) clock.add({made.size(), Timestamp{now}});
    ASSERT_LE(clock.entries().size(), CommitClock::kEntriesMax);
    if (i % 500 != 499) continue;
    const std::int64_t later = now + kSecond;
    for (std::size_t snapshot = 1; snapshot < made.size(); ++snapshot) {
      const std::int64_t age = later - made[snapshot];
      const auto superseded = clock.superseded_at(snapshot, made.size());
      ASSERT_TRUE(superseded);
      const std::int64_t told = later - superseded->microseconds;
      ASSERT_LE(told, age) << snapshot;
      ASSERT_GE(told, (age - kSecond) / 2) << snapshot << " of " << made.size();
    }
  }
}

}  // namespace
}  // namespace piecemark::engine
