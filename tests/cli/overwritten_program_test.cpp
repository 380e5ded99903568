// The file of a running exec is overwritten by a copy: what exec does next is refused, what the copy held stays, and what
// exec acknowledges afterwards is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kDrawing = "0f5a1c00-0000-7000-8000-000000000101";

std::string insert_of(const std::string& mark) {
  return std::string(R"({"op":"insert","row":{"drawing_id":")") + kDrawing + R"(","piece_mark":")" + mark +
         "\"}}";
}

class OverwrittenProgram : public ::testing::Test {
 protected:
  OverwrittenProgram() {
    folder_.write("d.csv", std::string("id,name\n") + kDrawing + ",S-101\n");
    EXPECT_EQ(piecemark({"import", path_, "--drawings", folder_.path("d.csv")}).status, 0);
    insert(path_, "K1");
    std::filesystem::copy_file(path_, copy_);
  }

  static void insert(const std::string& path, const std::string& mark) {
    EXPECT_THAT(piecemark({"exec", path}, insert_of(mark) + "\n").out, HasSubstr(R"("ok":true)"));
  }
  void restore() const { ASSERT_EQ(run({"cp", copy_, path_}).status, 0); }
  // Marks in their order.
  std::string marks() const {
    const std::string text = piecemark({"export", path_, "--components", "-", "--output", "csv"}).out;
    std::string found;
    for (const char* mark : {"E1", "K1", "L1", "M1", "M2"}) {
      if (text.find(std::string(",") + mark + ",") != std::string::npos)
        found += std::string(found.empty() ? "" : " ") + mark;
    }
    return found;
  }
  void expect_sound() const {
    const Finished verified = piecemark({"verify", path_, "--deep"});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }
  static auto is_refused() {
    return ::testing::Optional(
        AllOf(HasSubstr(R"("ok":false)"), HasSubstr(R"("code":"reopen_needed")"), HasSubstr("overwritten")));
  }
  static auto is_done() { return ::testing::Optional(HasSubstr(R"("ok":true)")); }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path("p.pmk");
  const std::string copy_ = folder_.path("q.pmk");
};

TEST_F(OverwrittenProgram, ExecRefusesOnceAndGoesOnInTheRestoredFile) {
  Conversation exec({PIECEMARK_PROGRAM, "exec", path_});
  EXPECT_THAT(exec.ask(insert_of("L1")), is_done());
  restore();
  EXPECT_THAT(exec.ask(insert_of("M1")), is_refused());
  EXPECT_EQ(marks(), "K1");
  EXPECT_THAT(exec.ask(insert_of("M2")), is_done());
  EXPECT_EQ(marks(), "K1 M2");
  expect_sound();
}

TEST_F(OverwrittenProgram, ExecNoticesACopyThatIsAheadAsWell) {
  const std::string original = folder_.path("original.pmk");
  std::filesystem::copy_file(path_, original);
  insert(copy_, "E1");
  for (const bool reads_first : {false, true}) {
    std::filesystem::remove(path_);
    std::filesystem::copy_file(original, path_);
    Conversation exec({PIECEMARK_PROGRAM, "exec", path_});
    EXPECT_THAT(exec.ask(R"({"op":"count"})"), is_done());
    restore();
    EXPECT_THAT(exec.ask(reads_first ? R"({"op":"count"})" : insert_of("M1")), is_refused());
    EXPECT_EQ(marks(), "E1 K1");
    EXPECT_THAT(exec.ask(insert_of("M2")), is_done());
    EXPECT_EQ(marks(), "E1 K1 M2");
    expect_sound();
  }
}

// Nothing of the transaction may come to the restored file, each line as a transaction of its own.
TEST_F(OverwrittenProgram, ATransactionOfExecIsRefusedAsAWhole) {
  insert(copy_, "E1");
  Conversation exec({PIECEMARK_PROGRAM, "exec", path_});
  EXPECT_THAT(exec.ask(R"({"op":"begin"})"), is_done());
  EXPECT_THAT(exec.ask(insert_of("L1")), is_done());
  restore();
  exec.ask(insert_of("M1"));
  exec.ask(insert_of("M2"));
  EXPECT_THAT(exec.ask(R"({"op":"commit"})"), ::testing::Optional(HasSubstr(R"("ok":false)")));
  EXPECT_EQ(marks(), "E1 K1");
  EXPECT_THAT(exec.ask(insert_of("M2")), is_done());
  EXPECT_EQ(marks(), "E1 K1 M2");
  expect_sound();
}

// Every process that has the file open is told, also those of others.
TEST_F(OverwrittenProgram, EveryExecIsTold) {
  Conversation first({PIECEMARK_PROGRAM, "exec", path_});
  Conversation second({PIECEMARK_PROGRAM, "exec", path_});
  EXPECT_THAT(first.ask(insert_of("L1")), is_done());
  EXPECT_THAT(second.ask(R"({"op":"count"})"), is_done());
  restore();
  EXPECT_THAT(first.ask(insert_of("M1")), is_refused());
  EXPECT_THAT(second.ask(insert_of("M1")), is_refused());
  EXPECT_THAT(first.ask(insert_of("M2")), is_done());
  EXPECT_THAT(second.ask(R"({"op":"count"})"), is_done());
  EXPECT_EQ(marks(), "K1 M2");
  expect_sound();
}

}  // namespace
}  // namespace piecemark::testing
