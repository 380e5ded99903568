// Where exported text and rejected rows go: what is there already is kept, or replaced as a whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.h"
#include "tests/support/sanitizers.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using testing::Finished;
using ::testing::HasSubstr;
using testing::piecemark;
using ::testing::StartsWith;

class OutputsTest : public ::testing::Test {
 protected:
  OutputsTest() {
    Store store = Store::create(store_);
    WriteTxn txn = store.write();
    txn.insert_drawing({.name = "S-101"});
    for (int i = 0; i < 3; ++i) txn.insert({.piece_mark = "G" + std::to_string(i)});
    txn.commit();
    csv_ = piecemark({"export", store_, "--output", "csv"}).out;
  }

  // `$0` is the program, `$1` the store.
  Finished shell(const std::string& command) const {
    return testing::run(
        {"/bin/sh", "-c", "cd '" + folder_.path("") + "'; " + command, PIECEMARK_PROGRAM, store_});
  }
  std::string content(const std::string& name) const { return testing::read_file(folder_.path(name)); }

  // No more than what was there, and what is named.
  void expect_files(std::vector<std::string> names) const {
    names.insert(names.end(), {"site.pmk", "site.pmk-lock"});
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_.path("")))
      found.push_back(entry.path().filename().string());
    EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(names));
  }

  testing::TemporaryFolder folder_;
  std::string store_ = folder_.path("site.pmk");
  std::string csv_;
};

TEST_F(OutputsTest, StreamsOfTheShellKeepWhatIsBeforeAndBehind) {
  for (const std::string name : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    const std::string part = "\"$0\" export \"$1\" --output csv --components " + name;
    EXPECT_EQ(shell("(echo before; " + part + "; echo behind) > out").status, 0) << name;
    EXPECT_EQ(content("out"), "before\n" + csv_ + "behind\n") << name;
    EXPECT_EQ(shell("echo log > log; " + part + " >> log").status, 0) << name;
    EXPECT_EQ(content("log"), "log\n" + csv_) << name;
  }
}

TEST_F(OutputsTest, AnyDescriptorAndALinkToItAreWrittenTo) {
  EXPECT_EQ(shell("exec 7> out; echo before >&7; \"$0\" export \"$1\" --output csv --components /dev/fd/7; "
                  "ln -s /dev/fd/7 link; \"$0\" export \"$1\" --output csv --drawings link; echo behind >&7")
                .status,
            0);
  EXPECT_THAT(content("out"), StartsWith("before\n" + csv_ + "id,name\r\n"));
  EXPECT_THAT(content("out"), EndsWith("behind\n"));
}

TEST_F(OutputsTest, TheFileOfStandardOutputIsWrittenToUnderItsOwnNameToo) {
  EXPECT_EQ(shell("(echo before; \"$0\" export \"$1\" --components out.csv; echo behind) > out.csv").status,
            0);
  EXPECT_EQ(content("out.csv"), "before\n" + csv_ + "behind\n");
}

TEST_F(OutputsTest, PipesAreWrittenToAndStay) {
  EXPECT_EQ(
      shell("mkfifo pipe; cat pipe > out & \"$0\" export \"$1\" --output csv --components pipe; wait").status,
      0);
  EXPECT_EQ(content("out"), csv_);
  EXPECT_TRUE(fs::is_fifo(folder_.path("pipe")));
  EXPECT_EQ(shell("\"$0\" export \"$1\" --components /dev/null").status, 0);
}

TEST_F(OutputsTest, AFileThatIsThereKeepsOwnerPermissionsAndNames) {
  for (const mode_t permissions : {0600U, 0640U, 0666U, 0604U}) {
    const std::string path = folder_.write(
        "out.csv", "what was there before, and is longer than the rows are" + std::string(1000, '.'));
    ASSERT_EQ(::chmod(path.c_str(), permissions), 0);
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown(path.c_str(), 65534, 65533), 0);
    }
    ASSERT_EQ(piecemark({"export", store_, "--components", path}).status, 0);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, permissions);
    if (::geteuid() == 0) {
      EXPECT_EQ(status.st_uid, 65534U);
      EXPECT_EQ(status.st_gid, 65533U);
    }
    EXPECT_EQ(testing::read_file(path), csv_);
    fs::remove(path);
  }
  folder_.write("first.csv", "x");
  fs::create_hard_link(folder_.path("first.csv"), folder_.path("second.csv"));
  ASSERT_EQ(piecemark({"export", store_, "--components", folder_.path("first.csv")}).status, 0);
  EXPECT_EQ(content("second.csv"), csv_) << "two names of one file stay that";
  fs::create_symlink("first.csv", folder_.path("link.csv"));
  ASSERT_EQ(piecemark({"export", store_, "--drawings", folder_.path("link.csv")}).status, 0);
  EXPECT_TRUE(fs::is_symlink(folder_.path("link.csv")));
  EXPECT_THAT(content("first.csv"), StartsWith("id,name\r\n"));
  expect_files({"first.csv", "second.csv", "link.csv"});
}

TEST_F(OutputsTest, RejectsGoTheSameWays) {
  folder_.write("rows.csv", "piece_mark,quantity\nG9,1\n,1\nG8,many\n");
  const std::string import =
      "\"$0\" import \"$1\" --components rows.csv --skip-invalid --on-conflict skip --rejects ";
  const Finished to_output = shell(import + "-");
  EXPECT_EQ(to_output.status, 1) << "rows were refused";
  EXPECT_THAT(to_output.out, StartsWith("{\"line\":3,\"code\":\"not_null_violation\""));
  EXPECT_EQ(std::count(to_output.out.begin(), to_output.out.end(), '\n'), 2);
  EXPECT_THAT(to_output.err, HasSubstr("refused  2 invalid rows"));
  EXPECT_EQ(shell("(echo before; " + import + "/dev/stdout; echo behind) > out").status, 0);
  EXPECT_THAT(content("out"), StartsWith("before\n" + to_output.out));
  EXPECT_THAT(content("out"), EndsWith("behind\n"));
  folder_.write("rejects", "of another import");
  EXPECT_EQ(shell("chmod 600 rejects; " + import + "rejects").status, 1);
  EXPECT_EQ(content("rejects"), to_output.out);
  folder_.write("bad.csv", "piece_mark\n\"never closed\n");
  EXPECT_EQ(shell("\"$0\" import \"$1\" --components bad.csv --skip-invalid --rejects rejects").status, 1);
  EXPECT_EQ(content("rejects"), to_output.out) << "an import that fails replaces nothing";
  expect_files({"rows.csv", "bad.csv", "out", "rejects"});
}

TEST_F(OutputsTest, OfTwoFilesNeitherChangesWhereOneFails) {
  folder_.write("drawings.csv", "old");
  folder_.write("rows.csv", "old");
  for (const std::string rows : {"none/rows.csv", "/dev/full", "- > /dev/full"}) {
    EXPECT_EQ(shell("\"$0\" export \"$1\" --drawings drawings.csv --components " + rows).status, 3) << rows;
    EXPECT_EQ(content("drawings.csv"), "old") << rows;
  }
  EXPECT_EQ(shell("\"$0\" export \"$1\" --drawings drawings.csv --components rows.csv").status, 0);
  EXPECT_EQ(content("rows.csv"), csv_);
  expect_files({"drawings.csv", "rows.csv"});
}

TEST_F(OutputsTest, WhatIsLostInAClosedStreamIsAnError) {
  for (const std::string verb :
       {"export \"$1\"", "export \"$1\" --components /dev/stdout", "info \"$1\"", "list \"$1\" -"})
    EXPECT_EQ(shell("\"$0\" " + verb + " >&-").status, 3) << verb;
  folder_.write("rows.csv", "piece_mark\nG9\n\"\"\n,\n");
  EXPECT_EQ(shell("\"$0\" import \"$1\" --components rows.csv --skip-invalid --rejects - >&-").status, 3);
  EXPECT_EQ(Store::open(store_).info().components, 3U) << "rejects that nobody can get keep the rows out";
}

TEST_F(OutputsTest, AnInputIsNoOutput) {
  folder_.write("rows.csv", "piece_mark\nG9\n\"\"\n");
  const std::string before = content("rows.csv");
  EXPECT_EQ(
      shell("\"$0\" import \"$1\" --components - --input csv --skip-invalid --rejects rows.csv < rows.csv")
          .status,
      2);
  EXPECT_EQ(content("rows.csv"), before);
  EXPECT_EQ(shell("\"$0\" export \"$1\" --drawings - --components /dev/stdout").status, 2);
  EXPECT_EQ(shell("\"$0\" export \"$1\" --components ''").status, 2);
}

TEST_F(OutputsTest, ARefusedImportLeavesNoNewFile) {
  folder_.write("bad.csv", "piece_mark,quantity\nG1,1\nG2,many\n");
  folder_.write("twice.csv",
                "id,piece_mark\n00000000-0000-7000-8000-00000000000a,G1\n"
                "00000000-0000-7000-8000-00000000000a,G2\n");
  for (const std::string rows : {"bad.csv", "twice.csv"}) {
    const Finished refused =
        piecemark({"import", folder_.path("new.pmk"), "--components", folder_.path(rows)});
    EXPECT_EQ(refused.status, 1) << rows;
    EXPECT_THAT(refused.err, HasSubstr("line 3")) << rows;
  }
  expect_files({"bad.csv", "twice.csv"});
}

TEST_F(OutputsTest, AWriteErrorSaysWhatIsWrong) {
  const auto expect_found = [&](const std::string& command, const std::string& found) {
    const Finished finished = shell(command);
    EXPECT_EQ(finished.status, 3) << command;
    EXPECT_THAT(finished.err, HasSubstr(found)) << command;
  };
  const std::string to = "\"$0\" export \"$1\" --components ";
  expect_found(to + "/", "a folder");
  expect_found(to + "none/out.csv", "no such folder: 'none'");
  expect_found(to + "site.pmk-lock/out.csv", "a file where its name has a folder");
  expect_found(to + std::string(300, 'x'), "a name that is too long");
  expect_found("ln -s a b; ln -s b a; " + to + "a", "symbolic links that lead to each other");
#ifndef PIECEMARK_ADDRESS_SANITIZER  // Which needs some itself.
  expect_found("exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 4; " + to + "out.csv",
               "as many files open as it may");
#endif
  expect_found(to + "/dev/full", "a full disk");
  expect_found(
      "head -c 100000 /dev/zero | tr '\\0' 'x' > big; (echo piece_mark,bounding_box; for i in 1 2 3 4; do "
      "printf 'B%s,\"[\"\"' $i; cat big; echo '\"\"]\"'; done) > rows.csv; "
      "\"$0\" import \"$1\" --components rows.csv >/dev/null; ulimit -f 100; " +
          to + "out.csv",
      "the limit on the size of files");
  if (!testing::piecemark_as_nobody().empty()) {
    const std::string as_nobody = "chmod 755 .; chmod 644 site.pmk*; setpriv --reuid 65534 --clear-groups ";
    expect_found(as_nobody + to + "out.csv", "a folder that this user may not use so: '.'");
    expect_found("touch own.csv; chmod 644 own.csv; " + as_nobody + to + "own.csv",
                 "a file that this user may not open so");
  }
}

}  // namespace
}  // namespace piecemark
