// Processes that are interrupted in the middle of an upgrade or of another long verb; two upgrades at the same moment,
// readers all the while.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Background;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr int kRows = 300'000;

class InterruptionTest : public ::testing::Test {
 protected:
  explicit InterruptionTest(int rows = kRows) {
    Store store = Store::create(file_, {.format = 1}, {.write_older_format = true});
    WriteTxn transaction = store.write();
    const Uuid drawing = transaction.insert_drawing({.name = "S-101"});
    for (int i = 0; i < rows; ++i)
      transaction.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i)});
    transaction.commit();
  }

  std::vector<std::string> upgrading(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{PIECEMARK_PROGRAM, "upgrade", file_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // Upgrades, and sends the signal once the rows are being rewritten.
  testing::Finished interrupted(int signal, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = upgrading({"--progress", "json"});
    words.insert(words.end(), more.begin(), more.end());
    bool is_sent = false;
    return testing::run(words, {}, [&](pid_t process, const testing::Finished& so_far) {
      if (is_sent || so_far.err.find("\"phase\":\"rows\"") == std::string::npos) return;
      is_sent = true;
      ::kill(process, signal);
    });
  }

  void expect_as_before(const std::string& before) const {
    const Store store = Store::open(file_);
    EXPECT_EQ(store.info().format, 1U);
    EXPECT_EQ(store.info().migrations, 0U);
    EXPECT_EQ(fingerprint(store.read(), ColumnSet::all()).components.to_string(), before);
    EXPECT_TRUE(verify(store.read()).is_clean());
  }
  std::string content() const {
    return fingerprint(Store::open(file_, {.read_only = true}).read(), ColumnSet::all())
        .components.to_string();
  }

  TemporaryFolder folder_;
  std::string file_ = folder_.path("site.pmk");
};

TEST_F(InterruptionTest, LeavesTheFileAsItWasAndSaysSo) {
  const std::string before = content();
  for (const int signal : {SIGINT, SIGTERM}) {
    const testing::Finished finished = interrupted(signal);
    EXPECT_EQ(finished.status, 128 + signal);
    EXPECT_THAT(finished.err, HasSubstr("canceled"));
    EXPECT_THAT(finished.err, HasSubstr("the file is as it was"));
    expect_as_before(before);
  }
}

TEST_F(InterruptionTest, LeavesNoNewFile) {
  const std::string before = content();
  const testing::Finished finished = interrupted(SIGINT, {"--output", folder_.path("new.pmk")});
  EXPECT_EQ(finished.status, 128 + SIGINT);
  expect_as_before(before);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path(""))) {
    EXPECT_THAT(entry.path().filename().string(), ::testing::AnyOf("site.pmk", "site.pmk-lock"));
  }
}

// Verbs that take their time, stopped at any moment: they end by the signal, and what they were to make is not there.
class LongVerbsTest : public ::testing::Test {
 protected:
  LongVerbsTest() {
    Store store = Store::create(file_);
    WriteTxn transaction = store.write();
    for (int d = 0; d < 100; ++d) {
      const Uuid drawing = transaction.insert_drawing({.name = "S-" + std::to_string(d)});
      for (int i = 0; i < kRowsOfLongVerbs / 100; ++i)
        transaction.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i)});
    }
    transaction.commit();
    EXPECT_EQ(testing::piecemark({"export", file_, "--components", rows_, "--drawings", drawings_}).status,
              0);
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path("")))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  // Of so many tries in which the signal comes a little later each, how many ended by it.
  int stop(std::vector<std::string> words, const std::string& made, int signal) {
    words.insert(words.begin(), PIECEMARK_PROGRAM);
    const auto before = files();
    const auto started = std::chrono::steady_clock::now();
    EXPECT_EQ(testing::Background(words).wait(), 0);
    const auto whole = std::chrono::steady_clock::now() - started;
    int stopped = 0;
    for (int part = 1; part < kTries; ++part) {
      std::filesystem::remove(folder_.path(made));
      std::filesystem::remove(folder_.path(made + "-lock"));
      testing::Background process(words);
      std::this_thread::sleep_for(whole * part / kTries);
      for (int sent = 0; sent < signals_; ++sent) process.send(signal);
      const int status = process.wait();
      EXPECT_TRUE(status == 0 || status == 128 + signal) << status;
      if (status == 0) continue;
      ++stopped;
      // What was complete when the signal came may stay.
      if (!std::filesystem::exists(folder_.path(made))) {
        EXPECT_EQ(files(), before) << words[1];
      }
    }
    std::filesystem::remove(folder_.path(made));
    std::filesystem::remove(folder_.path(made + "-lock"));
    return stopped;
  }

  int signals_ = 1;  // as soon after each other as can be
  static constexpr int kTries = 5;
  static constexpr int kRowsOfLongVerbs = 80'000;
  TemporaryFolder folder_;
  std::string file_ = folder_.path("site.pmk");
  std::string rows_ = folder_.path("rows.csv");
  std::string drawings_ = folder_.path("drawings.csv");
};

TEST_F(LongVerbsTest, EndByTheSignalAndLeaveNoPartOfAFile) {
  const std::string out = folder_.path("out");
  EXPECT_GT(stop({"export", file_, "--components", out}, "out", SIGINT), 0);
  EXPECT_GT(stop({"backup", file_, out}, "out", SIGTERM), 0);
  EXPECT_GT(stop({"salvage", file_, out}, "out", SIGHUP), 0);
  EXPECT_GT(stop({"downgrade", file_, "--to", "2", "--output", out}, "out", SIGINT), 0);
  EXPECT_GT(stop({"import", out, "--drawings", drawings_, "--components", rows_}, "out", SIGINT), 0);
  EXPECT_GT(stop({"import", file_, "--on-conflict", "update", "--drawings", drawings_, "--components", rows_,
                  "--skip-invalid", "--rejects", out},
                 "out", SIGTERM),
            0);
  EXPECT_GT(stop({"compact", file_}, "none", SIGINT), 0);
  EXPECT_GT(stop({"verify", file_}, "none", SIGINT), 0);
  EXPECT_GT(stop({"fingerprint", file_}, "none", SIGTERM), 0);
  const Store store = Store::open(file_);
  EXPECT_TRUE(verify(store.read()).is_clean());
  EXPECT_EQ(store.info().components, static_cast<std::uint64_t>(kRowsOfLongVerbs));
}

TEST_F(LongVerbsTest, ASecondSignalLeavesNoPartOfAFileEither) {
  const std::string out = folder_.path("out");
  signals_ = 2;
  EXPECT_GT(stop({"backup", file_, out}, "out", SIGHUP), 0);
  EXPECT_GT(stop({"import", out, "--drawings", drawings_, "--components", rows_}, "out", SIGINT), 0);
  EXPECT_GT(stop({"export", file_, "--components", out}, "out", SIGTERM), 0);
  EXPECT_GT(stop({"compact", file_}, "none", SIGINT), 0);
}

TEST_F(LongVerbsTest, EndByASignalThatIsNotTheirOwnTimer) {
  testing::Conversation exec({PIECEMARK_PROGRAM, "exec", file_});
  ASSERT_TRUE(exec.ask(R"({"op":"count"})"));
  exec.send(SIGALRM);
  EXPECT_FALSE(exec.ask(R"({"op":"count"})"));
  EXPECT_EQ(exec.wait(), 128 + SIGALRM);
}

// Nobody reads what they print.
TEST_F(LongVerbsTest, EndAlsoWhileTheyWaitForAReader) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"export", file_},
        {"export", file_, "--drawings", drawings_, "--components", "-"}}) {
    std::vector<std::string> command{PIECEMARK_PROGRAM};
    command.insert(command.end(), words.begin(), words.end());
    testing::Conversation process(command);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    process.send(SIGTERM);
    EXPECT_EQ(process.wait(), 128 + SIGTERM);
  }
  EXPECT_EQ(files(), (std::vector<std::string>{"drawings.csv", "rows.csv", "site.pmk", "site.pmk-lock"}));
}

TEST_F(LongVerbsTest, ACanceledCallOfTheLibraryChangesNothing) {
  Store store = Store::open(file_);
  const std::string before = testing::dump(store);
  const OnProgress stop = [](const WorkProgress&) { return false; };
  const std::string out = folder_.path("out");
  EXPECT_EQ(testing::error_of([&] { store.backup(out, stop); }), ErrorCode::canceled);
  EXPECT_EQ(testing::error_of([&] { store.compact(stop); }), ErrorCode::canceled);
  EXPECT_EQ(testing::error_of([&] { verify(store.read(), stop); }), ErrorCode::canceled);
  EXPECT_EQ(testing::error_of([&] { salvage(file_, out, {.on_progress = stop}); }), ErrorCode::canceled);
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_EQ(testing::dump(store), before);
  std::uint64_t told = 0;
  EXPECT_TRUE(verify(store.read(), [&](const WorkProgress& now) {
                EXPECT_EQ(now.total, static_cast<std::uint64_t>(kRowsOfLongVerbs));
                told = now.done;
                return true;
              }).is_clean());
  EXPECT_GT(told, 0U);
}

// Small enough that the second, on a slow machine too, gets its turn before it gives up waiting.
class ShortUpgradeTest : public InterruptionTest {
 protected:
  ShortUpgradeTest() : InterruptionTest(kRows / 10) {}
};

TEST_F(ShortUpgradeTest, OfTwoOneDoesItAndTheOtherSaysThatItIsDone) {
  for (int round = 0; round < 3; ++round) {
    std::vector<testing::Finished> finished(2);
    {
      std::thread first([&] { finished[0] = testing::run(upgrading()); });
      finished[1] = testing::run(upgrading());
      first.join();
    }
    int done = 0;
    for (const testing::Finished& one : finished) {
      EXPECT_EQ(one.status, 0) << one.err;
      if (one.out.starts_with("format 1 -> 3"))
        ++done;
      else
        EXPECT_EQ(one.out, "'" + file_ + "' has format 3 already\n");
    }
    EXPECT_EQ(done, 1);
    Store store = Store::open(file_);
    EXPECT_EQ(store.info().migrations, static_cast<std::uint64_t>(2 * round + 1));
    migrate(store, 1);
  }
}

// Readers with the store open see the old format until the commit, and the new one from their next snapshot on.
TEST_F(InterruptionTest, ReadersGoOnAllTheWhile) {
  const Store reader = Store::open(file_, {.read_only = true});
  const ReadTxn old_snapshot = reader.read();
  Background upgrade(upgrading());
  int old_reads = 0;
  while (reader.read().format() == 1) {
    const ReadTxn snapshot = reader.read();
    if (snapshot.format() == 3) break;
    ASSERT_EQ(snapshot.component_count(), static_cast<std::uint64_t>(kRows));
    for (const ComponentView& component : snapshot.in_drawing(std::nullopt))
      ADD_FAILURE() << component.piece_mark();
    ++old_reads;
  }
  EXPECT_EQ(upgrade.wait(), 0);
  EXPECT_GT(old_reads, 0);
  EXPECT_EQ(reader.read().format(), 3U);
  EXPECT_EQ(reader.read().component_count(), static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(old_snapshot.format(), 1U);
  EXPECT_EQ(old_snapshot.component_count(), static_cast<std::uint64_t>(kRows));
}

}  // namespace
}  // namespace piecemark
