#include "engine/commit_notes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "engine/commit_guard.h"
#include "engine/environment.h"
#include "tests/support/forked_child.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::TemporaryFolder;

constexpr std::array<std::string_view, 2> kTables{"rows", "notes"};
constexpr std::size_t kNotes = 1;

class CommitMarkTest : public ::testing::Test {
 protected:
  CommitMarkTest() {
    Environment::create(path_, kTables, [](WriteTransaction&) {}, {.notes_table = kNotes});
  }

  std::shared_ptr<Environment> open() const {
    return Environment::open(path_, kTables, {.notes_table = kNotes});
  }

  static void commit(Environment& environment) {
    WriteTransaction transaction = environment.begin_write();
    transaction.put(environment.table(0), "key", std::to_string(transaction.id()));
    transaction.commit();
  }

  static std::string mark_in(Environment& environment) {
    const ReadTransaction transaction = environment.begin_read();
    return std::string(transaction.get(environment.table(kNotes), kMarkKey).value_or(""));
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path("store");
};

TEST_F(CommitMarkTest, IsWrittenOnceASecondByCommitsThatFollowEachOther) {
  const auto environment = open();
  const auto began = std::chrono::steady_clock::now();
  std::set<std::string> marks{mark_in(*environment)};
  const auto seconds = [&] {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
  };
  // That of the creation, that of the first commit, and one a second later.
  unsigned commits = 0;
  for (; marks.size() < 3; ++commits) {
    commit(*environment);
    marks.insert(mark_in(*environment));
  }
  EXPECT_GE(3 + seconds(), static_cast<std::int64_t>(marks.size()));
  EXPECT_GT(commits, 2 * marks.size()) << "most commits have kept the mark";
}

// LMDB makes no commit where nothing has changed, and nobody may be told of one.
TEST_F(CommitMarkTest, IsNotAnnouncedWithoutAChange) {
  const auto environment = open();
  commit(*environment);
  const std::uint64_t last = environment->begin_read().id();
  for (int i = 0; i < 3; ++i) {
    WriteTransaction transaction = environment->begin_write();
    transaction.create_missing_tables();  // There are none.
    EXPECT_FALSE(transaction.erase(environment->table(0), "no such key"));
    EXPECT_FALSE(transaction.insert(environment->table(0), "key", "that is taken"));
    transaction.commit();
    EXPECT_EQ(environment->begin_read().id(), last);
  }
  commit(*environment);
  EXPECT_EQ(environment->begin_read().id(), last + 1);
}

TEST_F(CommitMarkTest, OfTheFirstCommitOfWhoeverOpensTheFileAloneIsNew) {
  std::set<std::string> marks;
  constexpr std::size_t kTimes = 20;
  for (std::size_t i = 0; i < kTimes; ++i) {
    const auto environment = open();
    marks.insert(mark_in(*environment));
    commit(*environment);
    marks.insert(mark_in(*environment));
  }
  EXPECT_EQ(marks.size(), kTimes + 1);
}

// Whatever becomes of a process or of the lock file: no two have one mark.
TEST_F(CommitMarkTest, IsOfOneProcess) {
  constexpr int kTurns = 20;
  constexpr int kCommitsATurn = 3;
  const testing::ForkedChild other([&](const testing::ForkedChild::Pipes& pipes) {
    const auto environment = open();
    char byte = 0;
    for (int turn = 0; turn < kTurns; ++turn) {
      if (!pipes.receive(byte)) return 1;
      for (int i = 0; i < kCommitsATurn; ++i) commit(*environment);
      if (!pipes.send(byte)) return 1;
    }
    return 0;
  });
  const auto environment = open();
  std::set<std::string> of_other;
  std::set<std::string> own;
  for (int turn = 0; turn < kTurns; ++turn) {
    char byte = '!';
    ASSERT_TRUE(other.pipes().send(byte) && other.pipes().receive(byte));
    of_other.insert(mark_in(*environment));
    for (int i = 0; i < kCommitsATurn; ++i) {
      commit(*environment);
      own.insert(mark_in(*environment));
    }
  }
  EXPECT_GE(of_other.size(), std::size_t{kTurns});
  EXPECT_GE(own.size(), std::size_t{kTurns});
  for (const std::string& mark : own) EXPECT_FALSE(of_other.contains(mark));
}

}  // namespace
}  // namespace piecemark::engine
