// Which locks exec and import take, and for how long: reading takes none, and nobody waits for who waits for a pipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Conversation;
using testing::Finished;
using ::testing::HasSubstr;
using testing::piecemark;

constexpr const char* kInsert = R"({"op":"insert","row":{"piece_mark":"G1"}})";
constexpr const char* kCount = R"({"op":"count"})";

class ExecLocksTest : public ::testing::Test {
 protected:
  ExecLocksTest() { Store::create(store_); }

  testing::TemporaryFolder folder_;
  std::string store_ = folder_.path("site.pmk");
};

TEST_F(ExecLocksTest, ReadingDoesNotWaitForAWriter) {
  Store store = Store::open(store_);
  WriteTxn txn = store.write();
  txn.insert({.piece_mark = "G1"});
  Conversation exec({PIECEMARK_PROGRAM, "exec", store_});
  EXPECT_EQ(exec.ask(kCount), R"({"ok":true,"count":0})");
  txn.commit();
  EXPECT_EQ(exec.ask(kCount), R"({"ok":true,"count":1})");
  // Nor does a session that reads keep anybody from writing.
  store.write().rollback();
  EXPECT_EQ(exec.ask(R"({"op":"begin"})"), R"({"ok":true})");
  EXPECT_EQ(testing::error_of([&] { Store::open(store_, {.busy_timeout_ms = 0}).write(); }), ErrorCode::busy);
  EXPECT_EQ(exec.ask(R"({"op":"commit"})"), R"({"ok":true})");
}

TEST_F(ExecLocksTest, ReadOnlyRefusesChanges) {
  const Finished finished = piecemark({"exec", "--read-only", store_},
                                      std::string(kCount) + "\n" + kInsert + "\n{\"op\":\"begin\"}\n");
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.out,
              ::testing::StartsWith("{\"ok\":true,\"count\":0}\n{\"ok\":false,\"error\":{\"code\":"
                                    "\"read_only\""));
  EXPECT_EQ(Store::open(store_).info().components, 0U);
}

TEST_F(ExecLocksTest, WhoMayNotWriteCanAsk) {
  std::vector<std::string> command = testing::piecemark_as_nobody();
  if (command.empty()) GTEST_SKIP() << "needs to run the program as another user";
  ::chmod(folder_.path("").c_str(), 0755);
  ::chmod(store_.c_str(), 0644);
  ::chmod((store_ + "-lock").c_str(), 0644);
  command.insert(command.end(), {"exec", store_});
  const Finished finished = testing::run(command, std::string(kCount) + "\n" + kInsert + "\n");
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_THAT(finished.out,
              ::testing::StartsWith("{\"ok\":true,\"count\":0}\n{\"ok\":false,\"error\":{\"code\":"
                                    "\"permission_denied\""));
}

TEST_F(ExecLocksTest, OperationsThatAllFailedAreAnError) {
  EXPECT_EQ(piecemark({"exec", store_}, "{\"op\":\"x\"}\nnot JSON\n").status, 1);
  EXPECT_EQ(piecemark({"exec", store_}, std::string("{\"op\":\"x\"}\n") + kCount + "\n").status, 0);
  EXPECT_EQ(piecemark({"exec", store_}, "").status, 0);
}

TEST_F(ExecLocksTest, AnImportFromAPipeKeepsNobodyWaiting) {
  for (const bool is_new : {false, true}) {
    const std::string target = is_new ? folder_.path("new.pmk") : store_;
    Conversation import({PIECEMARK_PROGRAM, "import", target, "--components", "-", "--input", "ndjson"});
    import.say(R"({"piece_mark":"P1"})");
    usleep(100'000);
    if (!is_new) {
      Store store = Store::open(store_, {.busy_timeout_ms = 0});
      WriteTxn txn = store.write();
      txn.insert({.piece_mark = "W"});
      txn.commit();
    }
    import.say(R"({"piece_mark":"P2"})");
    EXPECT_EQ(import.wait(), 0);
    EXPECT_EQ(Store::open(target).info().components, is_new ? 2U : 3U);
  }
}

TEST_F(ExecLocksTest, InfoCountsReadersThatLive) {
  const auto readers = [&] { return piecemark({"info", store_, "--json"}).out; };
  EXPECT_THAT(readers(), HasSubstr("\"readers\":0,"));
  {
    const Store store = Store::open(store_);
    const ReadTxn first = store.read();
    const ReadTxn second = store.read();
    EXPECT_THAT(readers(), HasSubstr("\"readers\":2,"));
    EXPECT_EQ(store.info().readers, 2U);
  }
  EXPECT_THAT(readers(), HasSubstr("\"readers\":0,"));
}

}  // namespace
}  // namespace piecemark
