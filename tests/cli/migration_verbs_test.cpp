// plan, upgrade, downgrade and stash as users meet them: what is printed, what is written, and how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using testing::piecemark;
using ::testing::StartsWith;
using testing::TemporaryFolder;

constexpr const char* kDrawing = "00000000-0000-7000-8000-000000000001";

std::string id(int number) {
  return "00000000-0000-7000-8000-00000000000" + std::to_string(number);
}

// Two G1, the first of which stays on the way down, and a B1 without identifier.
class MigrationVerbsTest : public ::testing::Test {
 protected:
  MigrationVerbsTest() {
    folder_.write("drawings.csv", std::string("id,name\n") + kDrawing + ",S-101\n");
    folder_.write("components.csv", std::string("id,drawing_id,piece_mark,instance_identifier\n") + id(1) +
                                        "," + kDrawing + ",G1,1\n" + id(2) + "," + kDrawing + ",G1,2\n" +
                                        id(3) + "," + kDrawing + ",B1,\n");
    done({"import", file_, "--drawings", folder_.path("drawings.csv"), "--components",
          folder_.path("components.csv")});
  }

  static std::string done(const std::vector<std::string>& words) {
    const Finished finished = piecemark(words);
    EXPECT_EQ(finished.status, 0) << finished.err;
    return finished.out;
  }
  static std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  void downgrade() const { done({"downgrade", file_, "--to", "base", "--on-conflict", "stash"}); }
  std::string fingerprint() const { return done({"fingerprint", file_}); }

  TemporaryFolder folder_;
  std::string file_ = folder_.path("site.pmk");
};

TEST_F(MigrationVerbsTest, PlanSaysWhatWouldHappenAndWritesNothing) {
  const std::string before = testing::read_file(file_);
  const std::string plan = done({"plan", file_, "--to", "base"});
  EXPECT_THAT(plan, HasSubstr("identifier  " + id(1) + "  drawing " + kDrawing +
                              "  mark \"G1\"  instance \"1\": format 1 has no instance_identifier\n"));
  EXPECT_THAT(plan, HasSubstr("row         " + id(2) + "  drawing " + kDrawing +
                              "  mark \"G1\"  instance \"2\": another row of this drawing and mark stays\n"));
  EXPECT_THAT(plan, HasSubstr("plan: '" + file_ + "' from format 3 to 1\n"));
  EXPECT_THAT(plan, HasSubstr("set aside    1 rows, 1 instance identifiers\n"));
  EXPECT_THAT(plan, HasSubstr("next         piecemark downgrade " + file_ + " --to 1 --on-conflict stash\n"));
  EXPECT_EQ(testing::read_file(file_), before);
  EXPECT_THAT(done({"plan", file_}), HasSubstr("nothing to do"));
}

TEST_F(MigrationVerbsTest, PlanAsJsonIsOneObject) {
  const std::string plan = done({"plan", file_, "--to", "base", "--json"});
  EXPECT_EQ(lines(plan), 1U);
  EXPECT_THAT(plan, StartsWith("{\"set_aside\":[{\"what\":\""));
  EXPECT_THAT(plan, HasSubstr("\"from\":3,\"to\":1,\"steps\":[\"pack_blocks\",\"add_instance_identifier\"],"
                              "\"tables\":[{\"name\":"));
  EXPECT_THAT(plan, HasSubstr("\"stashed_rows\":1,\"stashed_identifiers\":1,"));
}

TEST_F(MigrationVerbsTest, PlanToAnUnknownFormatIsRefused) {
  EXPECT_EQ(piecemark({"plan", file_, "--to", "+1"}).status, 1);
  EXPECT_EQ(piecemark({"plan", file_, "--to", "nowhere"}).status, 2);
}

TEST_F(MigrationVerbsTest, OutputIsANewFileAndTheOldOneStays) {
  const std::string before = testing::read_file(file_);
  const std::string old_file = folder_.path("old.pmk");
  const std::string printed =
      done({"downgrade", file_, "--to", "base", "--on-conflict", "stash", "--output", old_file});
  EXPECT_THAT(printed, StartsWith("format 3 -> 1 (pack_blocks, add_instance_identifier)\n"));
  EXPECT_THAT(printed, HasSubstr("written to '" + old_file + "'"));
  EXPECT_EQ(testing::read_file(file_), before);
  EXPECT_EQ(done({"current", old_file}), "1  base\n");

  const std::string new_file = folder_.path("new.pmk");
  done({"upgrade", old_file, "--output", new_file});
  EXPECT_EQ(done({"fingerprint", new_file}), fingerprint());
  const Finished again = piecemark({"upgrade", old_file, "--output", new_file});
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.err, HasSubstr("file_exists"));
}

TEST_F(MigrationVerbsTest, RefusedDowngradeLeavesNoNewFile) {
  const Finished refused =
      piecemark({"downgrade", file_, "--to", "base", "--output", folder_.path("old.pmk")});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(lines(refused.out), 2U);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("old.pmk")));
}

TEST_F(MigrationVerbsTest, ProgressAsJsonGoesToStandardError) {
  const Finished finished =
      piecemark({"downgrade", file_, "--to", "base", "--on-conflict", "stash", "--progress", "json"});
  EXPECT_EQ(finished.status, 0);
  for (const char* phase : {"index", "rows", "proof", "commit"}) {
    EXPECT_THAT(finished.err, HasSubstr(std::string("{\"phase\":\"") + phase + "\",\"rows_done\":0,"));
  }
  EXPECT_THAT(finished.out, StartsWith("format 3 -> 1"));
  EXPECT_EQ(piecemark({"upgrade", file_, "--progress", "none"}).err, "");
}

TEST_F(MigrationVerbsTest, StashIsListedExportedAndDropped) {
  EXPECT_EQ(done({"stash", "list", file_}), "");
  downgrade();
  const std::string list = done({"stash", "list", file_});
  EXPECT_EQ(lines(list), 2U);
  EXPECT_THAT(list, HasSubstr("\"what\":\"identifier\""));
  EXPECT_THAT(list, HasSubstr("\"state\":\"waiting\",\"receipt\":1}"));
  EXPECT_EQ(done({"stash", "list", "--left-over", file_}), "");
  EXPECT_EQ(done({"stash", "drop", "--left-over", file_}), "dropped 0 rows, 0 instance identifiers\n");
  EXPECT_EQ(done({"stash", "drop", file_}), "dropped 1 rows, 1 instance identifiers\n");
  EXPECT_EQ(done({"stash", "list", file_}), "");
  done({"upgrade", file_});
  EXPECT_EQ(lines(done({"export", file_, "--output", "ndjson"})), 2U);
  done({"verify", file_});
}

TEST_F(MigrationVerbsTest, ExportedStashComesBackByImport) {
  const std::string full = fingerprint();
  const std::string exported_all = done({"export", file_, "--output", "ndjson"});
  downgrade();
  folder_.write("stash.ndjson", done({"stash", "export", file_}));
  done({"stash", "drop", file_});
  done({"upgrade", file_});
  EXPECT_NE(fingerprint(), full);
  done({"import", file_, "--components", folder_.path("stash.ndjson"), "--on-conflict", "update"});
  EXPECT_EQ(done({"fingerprint", file_, "--without", "updated_at"}).substr(0, 11), "components ");
  const std::string back = done({"export", file_, "--output", "ndjson"});
  EXPECT_EQ(lines(back), lines(exported_all));
  for (const char* instance : {"\"instance_identifier\":\"1\"", "\"instance_identifier\":\"2\""}) {
    EXPECT_THAT(back, HasSubstr(instance));
  }
}

TEST_F(MigrationVerbsTest, WhatCannotReturnIsPrintedAndStaysInTheStash) {
  downgrade();
  const Finished erased = piecemark(
      {"import", file_, "--format", "1", "--components", "-", "--input", "ndjson", "--on-conflict", "update"},
      "{\"id\":\"" + id(1) + "\",\"drawing_id\":\"" + kDrawing + "\",\"piece_mark\":\"N1\"}\n");
  EXPECT_EQ(erased.status, 0) << erased.err;
  const std::string printed = done({"upgrade", file_});
  EXPECT_THAT(printed,
              StartsWith("{\"what\":\"identifier\",\"reason\":\"the component has another piece mark now\""));
  EXPECT_THAT(printed, HasSubstr("left over    1 entries of the stash could not return and are kept there"));
  EXPECT_EQ(lines(done({"stash", "list", "--left-over", file_})), 1U);
  EXPECT_EQ(done({"stash", "drop", "--left-over", file_}), "dropped 0 rows, 1 instance identifiers\n");
}

TEST_F(MigrationVerbsTest, VerifySaysWhetherTheProofStillHolds) {
  downgrade();
  EXPECT_THAT(done({"verify", file_}), HasSubstr("nothing was written since the last migration"));
  done({"stash", "drop", file_});
  EXPECT_THAT(done({"verify", file_}), ::testing::Not(HasSubstr("since the last migration")));
}

TEST_F(MigrationVerbsTest, OutputNeedsAName) {
  const std::string before = testing::read_file(file_);
  for (const char* name : {"", "-"}) {
    EXPECT_EQ(
        piecemark({"downgrade", file_, "--to", "base", "--on-conflict", "stash", "--output", name}).status,
        2);
  }
  EXPECT_EQ(testing::read_file(file_), before);
}

// The lock file of the new store would be this one.
TEST_F(MigrationVerbsTest, OutputTouchesNoFileUnderTheNameOfItsLock) {
  const std::string source = folder_.path("s-lock");
  std::filesystem::rename(file_, source);
  for (const std::string& victim : {source, folder_.write("text-lock", "precious")}) {
    const std::string before = testing::read_file(victim);
    const std::string output = victim.substr(0, victim.size() - 5);
    const Finished refused = piecemark({"upgrade", source, "--output", output});
    EXPECT_EQ(refused.status, 3);
    EXPECT_THAT(refused.err, HasSubstr("unsafe_lock_file"));
    EXPECT_EQ(testing::read_file(victim), before);
    EXPECT_FALSE(std::filesystem::exists(output));
  }
  std::filesystem::create_symlink("elsewhere", folder_.path("new-lock"));
  EXPECT_EQ(piecemark({"upgrade", source, "--output", folder_.path("new")}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("new")));
}

TEST_F(MigrationVerbsTest, OutputIsReadByThoseWhoMayReadTheOriginal) {
  using std::filesystem::perms;
  std::filesystem::permissions(file_, perms::owner_read | perms::owner_write);
  const std::string new_file = folder_.path("new.pmk");
  done({"upgrade", file_, "--output", new_file});
  EXPECT_FALSE(std::filesystem::exists(new_file + "-lock")) << "nothing else is written";
  done({"info", new_file});
  for (const char* name : {"new.pmk", "new.pmk-lock"}) {
    EXPECT_EQ(std::filesystem::status(folder_.path(name)).permissions(),
              perms::owner_read | perms::owner_write)
        << name;
  }
}

TEST_F(MigrationVerbsTest, ChoicesAreWords) {
  const std::string before = testing::read_file(file_);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"downgrade", file_, "--to", "base", "--on-conflict", "1"},
           {"downgrade", file_, "--to", "base", "--on-conflict", "lose"},
           {"import", file_, "--components", folder_.path("components.csv"), "--on-conflict", "9"},
           {"import", file_, "--components", folder_.path("components.csv"), "--input", "0"},
           {"export", file_, "--output", "7"},
           {"upgrade", file_, "--progress", "5"}}) {
    const Finished refused = piecemark(words);
    EXPECT_EQ(refused.status, 2) << words[0];
    EXPECT_THAT(refused.err, HasSubstr("is none of")) << words[0];
  }
  EXPECT_EQ(testing::read_file(file_), before);
}

TEST_F(MigrationVerbsTest, TargetsBeyondTheChainAreRefused) {
  EXPECT_EQ(piecemark({"downgrade", file_, "--to", "+4294967295"}).status, 2);
  EXPECT_EQ(piecemark({"downgrade", file_, "--to", "-3"}).status, 2);
  for (const char* verb : {"upgrade", "downgrade"}) {
    const Finished refused = piecemark({verb, file_, "--to", "4"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("no_such_format"));
  }
  EXPECT_EQ(piecemark({"plan", file_, "--to", "4", "--json"}).out, "");
}

TEST_F(MigrationVerbsTest, AnswerThatCannotBeWrittenSaysThatTheWorkIsDone) {
  const Finished finished =
      testing::run({"/bin/sh", "-c", "\"$0\" upgrade \"$1\" >/dev/full", PIECEMARK_PROGRAM, file_});
  EXPECT_EQ(finished.status, 3);
  EXPECT_THAT(finished.err, HasSubstr("what was asked for has been done"));
}

TEST_F(MigrationVerbsTest, NamesInCommandsAreQuotedForTheShell) {
  const std::string odd = folder_.path("it's odd.pmk");
  std::filesystem::rename(file_, odd);
  EXPECT_THAT(done({"plan", odd, "--to", "base"}), HasSubstr("it'\\''s odd.pmk' --to 1"));
}

TEST_F(MigrationVerbsTest, StashNeedsAVerbOfItsOwn) {
  EXPECT_EQ(piecemark({"stash"}).status, 2);
  EXPECT_EQ(piecemark({"stash", "lose", file_}).status, 2);
  EXPECT_EQ(piecemark({"stash", "list"}).status, 2);
}

// Every verb that reads, on a file of the older format, with the column it lacks as NULL.
TEST_F(MigrationVerbsTest, ReadingVerbsLookThroughTheOlderFormat) {
  downgrade();
  const std::string before = testing::read_file(file_);
  EXPECT_THAT(done({"get", file_, id(1)}), HasSubstr("\"instance_identifier\":null"));
  EXPECT_EQ(lines(done({"find", file_, kDrawing, "G1"})), 1U);
  EXPECT_EQ(piecemark({"find", file_, kDrawing, "G1", "1"}).status, 1);
  EXPECT_EQ(lines(done({"list", file_, kDrawing})), 2U);
  EXPECT_EQ(lines(done({"export", file_, "--output", "ndjson"})), 2U);
  EXPECT_THAT(done({"export", file_}), HasSubstr("instance_identifier"));
  EXPECT_EQ(lines(done({"fingerprint", file_, "--as", "2"})), 2U);
  for (const char* verb : {"info", "verify", "current", "history", "plan"}) done({verb, file_});
  done({"stash", "list", file_});
  done({"stash", "export", file_});
  EXPECT_EQ(piecemark({"check", file_}).status, 1);
  EXPECT_EQ(testing::read_file(file_), before);
  const Finished import = piecemark({"import", file_, "--components", folder_.path("components.csv")});
  EXPECT_EQ(import.status, 3);
  EXPECT_THAT(import.err, HasSubstr("format_too_old"));
  EXPECT_THAT(import.err, HasSubstr("piecemark upgrade " + file_));
}

}  // namespace
}  // namespace piecemark
