// Progress is told in order, and a migration can be stopped wherever it is told.
#include <gtest/gtest.h>

#include <thread>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

using Phase = MigrationProgress::Phase;

// Enough rows for several calls within each phase.
constexpr unsigned kRows = 9'000;

class ProgressTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  ProgressTest() {
    site_.write([](WriteTxn& txn) {
      for (unsigned i = 0; i < kRows; ++i) {
        txn.insert(girder(0x1000 + i, "G" + std::to_string(i / 2), std::to_string(i % 2)));
      }
    });
    if (to_ == 2) migrate(store_, 1, {.on_loss = OnLoss::stash});
  }

  MigrationOptions watching(const std::function<bool(const MigrationProgress&)>& watch) const {
    return {.on_loss = OnLoss::stash, .on_progress = watch};
  }

  std::uint32_t to_ = GetParam();
  Site site_{{}, {.write_older_format = true}};
  Store& store_ = site_.store;
};

TEST_P(ProgressTest, IsToldInOrderUpToTheCommit) {
  MigrationProgress last;
  int calls = 0;
  int steps = 1;
  migrate(store_, to_, watching([&](const MigrationProgress& now) {
            EXPECT_LE(now.rows_done, now.rows_total);
            EXPECT_LE(now.work_done, now.work_total);
            EXPECT_GE(now.work_done, last.work_done);
            if (now.phase < last.phase) ++steps;
            EXPECT_TRUE(now.phase != last.phase || now.rows_done > last.rows_done);
            last = now;
            ++calls;
            return true;
          }));
  EXPECT_EQ(last.phase, Phase::commit);
  EXPECT_EQ(last.work_done, last.work_total);
  EXPECT_GT(calls, 6);
  EXPECT_EQ(steps, to_ == 1 ? 2 : 1) << "each step begins with its first phase";
}

TEST_P(ProgressTest, StopsAtEveryCallWithTheFileAsItWas) {
  const std::string before = dump(store_);
  const StoreInfo info_before = store_.info();
  int stop_at = 0;
  for (bool is_stopped = true; is_stopped;) {
    ++stop_at;
    int call = 0;
    is_stopped =
        error_of([&] {
          migrate(store_, to_, watching([&](const MigrationProgress&) { return ++call != stop_at; }));
        }) == ErrorCode::canceled;
    if (!is_stopped) break;
    ASSERT_EQ(dump(store_), before);
    ASSERT_EQ(store_.info().stash_entries, info_before.stash_entries);
    ASSERT_EQ(store_.info().migrations, info_before.migrations);
    ASSERT_EQ(verify(store_.read()).problems, std::vector<std::string>());
  }
  EXPECT_GT(stop_at, 7);
  EXPECT_EQ(store_.info().format, to_) << "not stopped, it comes to its end";
  EXPECT_EQ(verify(store_.read()).problems, std::vector<std::string>());
}

TEST_P(ProgressTest, StopsWhileItWaitsForAnotherWriter) {
  WriteTxn held = store_.write();
  Phase phase = Phase::commit;
  std::optional<ErrorCode> error;
  std::thread other([&] {
    error = error_of([&] {
      migrate(store_, to_, watching([&](const MigrationProgress& now) {
                phase = now.phase;
                return false;
              }));
    });
  });
  other.join();
  EXPECT_EQ(error, ErrorCode::canceled);
  EXPECT_EQ(phase, Phase::waiting);
  held.commit();
}

// Every snapshot that readers of this process take while it runs is that of before; afterwards, that of after.
TEST_P(ProgressTest, ReadersKeepReadingWhileItRuns) {
  const ReadTxn old_snapshot = store_.read();
  const std::string before = dump(old_snapshot);
  int compared = 0;
  migrate(store_, to_, watching([&](const MigrationProgress&) {
            if (compared < 3) {
              EXPECT_EQ(dump(store_.read()), before);
            }
            ++compared;
            EXPECT_EQ(store_.read().component_count(), old_snapshot.component_count());
            return true;
          }));
  EXPECT_GT(compared, 3);
  EXPECT_EQ(dump(old_snapshot), before);
  EXPECT_EQ(store_.read().format(), to_);
}

TEST_P(ProgressTest, OtherWritersWaitAndAreToldWho) {
  Store impatient = Store::open(store_.path(), {.write_older_format = true, .busy_timeout_ms = 20});
  std::optional<ErrorCode> error;
  migrate(store_, to_, watching([&](const MigrationProgress& now) {
            if (now.phase == Phase::rows && !error) {
              std::thread([&] { error = error_of([&] { impatient.write(); }); }).join();
            }
            return true;
          }));
  EXPECT_EQ(error, ErrorCode::busy);
  impatient.write().commit();
}

INSTANTIATE_TEST_SUITE_P(Directions, ProgressTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace piecemark::testing
