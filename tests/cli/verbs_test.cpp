// What each verb prints and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class VerbsTest : public ::testing::Test {
 protected:
  VerbsTest() {
    folder_.write("drawings.csv", std::string("id,name\r\n") + kDrawing + ",S-101\r\n");
    folder_.write("components.csv", std::string("id,drawing_id,piece_mark,instance_identifier,quantity\r\n"
                                                "00000000-0000-7000-8000-00000000000a,") +
                                        kDrawing + ",G1,1,\r\n" + "00000000-0000-7000-8000-00000000000b," +
                                        kDrawing + ",G1,2,5\r\n");
  }

  Finished import() const {
    return piecemark({"import", file_, "--drawings", folder_.path("drawings.csv"), "--components",
                      folder_.path("components.csv")});
  }
  static void expect_done(const Finished& finished) { EXPECT_EQ(finished.status, 0) << finished.err; }

  TemporaryFolder folder_;
  std::string file_ = folder_.path("site.pmk");
};

TEST_F(VerbsTest, CreateMakesAFileOfTheNewestFormatOnce) {
  expect_done(piecemark({"create", file_}));
  EXPECT_EQ(piecemark({"current", file_}).out, "3  pack_blocks  (head)\n");
  const Finished again = piecemark({"create", file_});
  EXPECT_EQ(again.status, 3);
  EXPECT_EQ(again.err, "piecemark: cannot create '" + file_ +
                           "': file_exists\n  found      a file of that name\n  next       choose another "
                           "name, or remove the file\n");
}

TEST_F(VerbsTest, CreateTakesFormatAndNulls) {
  expect_done(piecemark({"create", file_, "--format", "1", "--nulls-not-distinct"}));
  EXPECT_THAT(piecemark({"info", file_, "--json"}).out, HasSubstr("\"format\":1,"));
  EXPECT_THAT(piecemark({"info", file_, "--json"}).out, HasSubstr("\"nulls_not_distinct\":true"));
  EXPECT_EQ(piecemark({"create", folder_.path("other"), "--format", "9"}).status, 1);
}

TEST_F(VerbsTest, ImportCreatesTheFileAndCounts) {
  const Finished finished = import();
  expect_done(finished);
  EXPECT_EQ(finished.out, "imported 2 components and 1 drawings\n");
  EXPECT_EQ(import().status, 1) << "the same ids again";
  const Finished skipped =
      piecemark({"import", file_, "--components", folder_.path("components.csv"), "--on-conflict", "skip"});
  EXPECT_EQ(skipped.out,
            "imported 0 components and 0 drawings\nskipped  2 components whose id or key was taken\n");
  const Finished updated =
      piecemark({"import", file_, "--components", folder_.path("components.csv"), "--on-conflict", "update"});
  EXPECT_EQ(updated.out, "imported 0 components and 0 drawings\nupdated  2 components that were there\n");
}

// An older list does not undo what was changed since; the later change of each row counts.
TEST_F(VerbsTest, ImportOfNewerTakesTheLaterUpdateAndTheNewNames) {
  const auto row = [](char id, const char* mark, const char* status, const char* updated) {
    return std::string(R"({"id":"00000000-0000-7000-8000-00000000000)") + id + R"(","piece_mark":")" + mark +
           R"(","review_status":")" + status + R"(","updated_at":)" + updated + "}\n";
  };
  const std::string monday = R"("2026-01-05T10:00:00Z")";
  const std::string friday = R"("2026-01-09T10:00:00Z")";
  folder_.write("there.ndjson", row('a', "G1", "approved", friday.c_str()) +
                                    row('b', "G2", "pending", monday.c_str()) +
                                    row('c', "G3", "pending", "null") + row('d', "G4", "approved", "null"));
  folder_.write("coming.ndjson", row('a', "G1", "pending", monday.c_str()) +
                                     row('b', "G2", "approved", friday.c_str()) +
                                     row('c', "G3", "approved", monday.c_str()) +
                                     row('d', "G4", "pending", "null") + row('e', "G5", "pending", "null"));
  folder_.write("renamed.csv", std::string("id,name\r\n") + kDrawing + ",S-102\r\n");
  expect_done(piecemark({"import", file_, "--drawings", folder_.path("drawings.csv"), "--components",
                         folder_.path("there.ndjson")}));
  const std::vector<std::string> import{"import",        file_,
                                        "--on-conflict", "newer",
                                        "--drawings",    folder_.path("renamed.csv"),
                                        "--components",  folder_.path("coming.ndjson")};
  EXPECT_EQ(piecemark(import).out,
            "imported 1 components and 0 drawings\n"
            "updated  2 components that were there\n"
            "skipped  2 components that were there, and are as new or newer\n"
            "renamed  1 drawings that were there\n");
  const std::string rows = piecemark({"export", file_}).out;
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 5);
  for (const char* id : {"a", "b", "c", "d"}) {
    const std::string kept =
        piecemark({"get", file_, std::string("00000000-0000-7000-8000-00000000000") + id}).out;
    EXPECT_THAT(kept, HasSubstr(R"("review_status":"approved")")) << id;
  }
  EXPECT_THAT(piecemark({"export", file_, "--drawings", "-"}).out, HasSubstr("S-102"));
  EXPECT_EQ(piecemark(import).out,
            "imported 0 components and 0 drawings\n"
            "skipped  5 components that were there, and are as new or newer\n"
            "kept     1 drawings that were there\n");
  // Only where rows are to be updated.
  for (const char* otherwise : {"fail", "skip"}) {
    expect_done(
        piecemark({"import", file_, "--on-conflict", otherwise, "--drawings", folder_.path("drawings.csv")}));
    EXPECT_THAT(piecemark({"export", file_, "--drawings", "-"}).out, HasSubstr("S-102")) << otherwise;
  }
  EXPECT_EQ(
      piecemark({"import", file_, "--on-conflict", "update", "--drawings", folder_.path("drawings.csv")}).out,
      "imported 0 components and 0 drawings\nrenamed  1 drawings that were there\n");
}

TEST_F(VerbsTest, ExecUpdatesDrawings) {
  expect_done(import());
  const std::string id = kDrawing;
  const Finished finished =
      piecemark({"exec", file_}, R"({"op":"update_drawing","id":")" + id + R"(","set":{"name":"S-102"}})" +
                                     "\n" + R"({"op":"update_drawing","id":null,"set":{"name":"none"}})" +
                                     "\n" + R"({"op":"update_drawing","id":")" + id +
                                     R"(","set":{"title":"S"}})" + "\n" + R"({"op":"list_drawings"})" + "\n");
  EXPECT_EQ(finished.out.substr(0, finished.out.find("message")),
            "{\"ok\":true,\"updated\":1}\n{\"ok\":true,\"updated\":0}\n"
            "{\"ok\":false,\"error\":{\"code\":\"invalid_text_representation\",\"constraint\":null,"
            "\"column\":null,\"");
  EXPECT_THAT(finished.out, HasSubstr(R"("rows":[{"id":")" + id + R"(","name":"S-102"}])"));
}

TEST_F(VerbsTest, MapIsAsLargeAsTheUserSays) {
  expect_done(import());
  EXPECT_THAT(piecemark({"info", file_, "--json", "--map-size", "16MB"}).out,
              HasSubstr("\"map_bytes\":16777216,"));
  EXPECT_THAT(piecemark({"info", file_, "--json", "--map-size", "67108864"}).out,
              HasSubstr("\"map_bytes\":67108864,"));
  EXPECT_EQ(piecemark({"info", file_, "--map-size", "much"}).status, 2);
  expect_done(piecemark({"create", folder_.path("other.pmk"), "--map-size", "16MB"}));
  expect_done(piecemark({"salvage", file_, folder_.path("salvaged.pmk"), "--map-size", "16MB"}));
  expect_done(piecemark({"stash", "list", file_, "--map-size", "16MB"}));
}

TEST_F(VerbsTest, ImportReadsStandardInput) {
  expect_done(import());
  const Finished finished = piecemark({"import", file_, "--components", "-", "--input", "ndjson"},
                                      "{\"piece_mark\":\"B1\"}\n{\"piece_mark\":\"B1\"}");
  EXPECT_EQ(finished.out, "imported 2 components and 0 drawings\n");
  EXPECT_EQ(piecemark({"import", file_, "--components", "-"}, "").status, 2) << "nothing says what it is";
}

TEST_F(VerbsTest, ColumnAbsentIsItsDefaultAndEmptyIsNull) {
  expect_done(import());
  const std::string row = piecemark({"get", file_, "00000000-0000-7000-8000-00000000000a"}).out;
  EXPECT_THAT(row, HasSubstr("\"quantity\":null"));
  EXPECT_THAT(row, HasSubstr("\"review_status\":\"pending\""));
}

TEST_F(VerbsTest, GetFindAndListPrintRowsOrSayThatThereAreNone) {
  expect_done(import());
  const std::string first = piecemark({"get", file_, "00000000-0000-7000-8000-00000000000a"}).out;
  const std::string both = piecemark({"find", file_, kDrawing, "G1"}).out;
  EXPECT_THAT(both, StartsWith(first));
  EXPECT_EQ(piecemark({"find", file_, kDrawing, "G1", "1"}).out, first);
  EXPECT_EQ(piecemark({"list", file_, kDrawing}).out, both);
  EXPECT_EQ(piecemark({"get", file_, kDrawing}).status, 1);
  EXPECT_EQ(piecemark({"find", file_, kDrawing, "G9"}).status, 1);
  EXPECT_EQ(piecemark({"list", file_, "00000000-0000-7000-8000-00000000000a"}).status, 1);
}

TEST_F(VerbsTest, ExportComesBackByteForByte) {
  expect_done(import());
  for (const std::string extension : {"csv", "ndjson"}) {
    const std::string components = folder_.path("out." + extension);
    const std::string drawings = folder_.path("out-drawings." + extension);
    const std::string copy = folder_.path("copy-" + extension);
    expect_done(piecemark({"export", file_, "--drawings", drawings, "--components", components}));
    expect_done(piecemark({"import", copy, "--drawings", drawings, "--components", components}));
    EXPECT_EQ(piecemark({"fingerprint", copy}).out, piecemark({"fingerprint", file_}).out);
    EXPECT_EQ(piecemark({"export", copy, "--components", "-", "--output", extension}).out,
              testing::read_file(components));
  }
}

TEST_F(VerbsTest, FilesInUseAreNeverOverwritten) {
  expect_done(import());
  const std::string before = testing::read_file(file_);
  EXPECT_EQ(piecemark({"export", file_, "--components", file_}).status, 2);
  EXPECT_EQ(piecemark({"export", file_, "--components", file_ + "-lock"}).status, 2);
  EXPECT_EQ(
      piecemark({"export", file_, "--components", folder_.path("x.csv"), "--drawings", folder_.path("x.csv")})
          .status,
      2);
  const std::string csv = folder_.path("components.csv");
  EXPECT_EQ(piecemark({"import", file_, "--components", csv, "--skip-invalid", "--rejects", file_}).status,
            2);
  EXPECT_EQ(piecemark({"import", file_, "--components", csv, "--skip-invalid", "--rejects", csv}).status, 2);
  EXPECT_EQ(piecemark({"export", file_, "--components", "-", "--drawings", "-"}).status, 2);
  const std::string fresh = folder_.path("fresh.pmk");  // The same file by another name, not there yet.
  EXPECT_EQ(piecemark({"import", fresh, "--components", csv, "--skip-invalid", "--rejects",
                       folder_.path("./fresh.pmk")})
                .status,
            2);
  EXPECT_EQ(testing::read_file(file_), before);
}

TEST_F(VerbsTest, ExportTouchesNoOtherFile) {
  expect_done(import());
  const std::string other = folder_.write("out.csv.part", "somebody's");
  expect_done(piecemark({"export", file_, "--components", folder_.path("out.csv")}));
  EXPECT_EQ(testing::read_file(other), "somebody's");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path("")), {}), 6)
      << "nothing else is left behind";
}

// A descriptor that is closed when the program starts must not become that of the store.
TEST_F(VerbsTest, ClosedStandardStreamsDoNoHarm) {
  expect_done(import());
  const std::string before = testing::read_file(file_);
  for (const std::string closing : {"0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"}) {
    testing::run(
        {"/bin/sh", "-c", "exec '" + std::string(PIECEMARK_PROGRAM) + "' exec '" + file_ + "' " + closing},
        "{\"op\":\"count\"}\n");
    EXPECT_EQ(testing::read_file(file_), before) << closing;
  }
}

TEST_F(VerbsTest, ExecAnswersLineByLineAndGoesOn) {
  expect_done(import());
  const Finished finished = piecemark({"exec", file_},
                                      "{\"op\":\"count\"}\n"
                                      "nonsense\n"
                                      "\n"
                                      "{\"op\":\"begin\"}\n"
                                      "{\"op\":\"delete\",\"id\":\"00000000-0000-7000-8000-00000000000a\"}\n"
                                      "{\"op\":\"count\"}\n"
                                      "{\"op\":\"rollback\"}\n"
                                      "{\"op\":\"count\"}\n");
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(
      finished.out,
      "{\"ok\":true,\"count\":2}\n"
      "{\"ok\":false,\"error\":{\"code\":\"invalid_text_representation\",\"constraint\":null,\"column\":null,"
      "\"message\":\"the line is not valid JSON: expected a value at byte 1\"}}\n"
      "{\"ok\":true}\n"
      "{\"ok\":true,\"deleted\":1}\n"
      "{\"ok\":true,\"count\":1}\n"
      "{\"ok\":true}\n"
      "{\"ok\":true,\"count\":2}\n");
}

TEST_F(VerbsTest, ExecRollsBackWhatTheInputLeavesOpen) {
  expect_done(import());
  const Finished finished =
      piecemark({"exec", file_}, "{\"op\":\"begin\"}\n{\"op\":\"insert\",\"row\":{\"piece_mark\":\"B1\"}}\n");
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.err, HasSubstr("rolled back"));
  EXPECT_EQ(piecemark({"exec", file_}, "{\"op\":\"count\"}\n").out, "{\"ok\":true,\"count\":2}\n");
}

TEST_F(VerbsTest, OldFilesAreCheckedUpgradedAndBroughtBack) {
  folder_.write("old.csv", std::string("drawing_id,piece_mark\r\n") + kDrawing + ",G1\r\n");
  expect_done(piecemark({"import", file_, "--format", "1", "--drawings", folder_.path("drawings.csv"),
                         "--components", folder_.path("old.csv")}));
  const Finished refused =
      piecemark({"import", file_, "--format", "1", "--components", folder_.path("old.csv")});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("unique_violation"));
  EXPECT_EQ(piecemark({"check", file_}).status, 1);
  const Finished change = piecemark({"exec", file_}, R"({"op":"insert","row":{"piece_mark":"G1"}})");
  EXPECT_EQ(change.status, 1);
  EXPECT_THAT(change.out, HasSubstr("\"code\":\"format_too_old\""));
  const Finished question = piecemark({"exec", file_}, R"({"op":"count"})");
  EXPECT_EQ(question.status, 0);
  EXPECT_THAT(question.out, StartsWith("{\"ok\":true,\"count\":"));
  const std::string before = piecemark({"fingerprint", file_, "--as", "1"}).out;
  EXPECT_THAT(piecemark({"upgrade", file_}).out,
              StartsWith("format 1 -> 3 (add_instance_identifier, pack_blocks)\n"));
  EXPECT_EQ(piecemark({"fingerprint", file_, "--as", "1"}).out, before);
  expect_done(piecemark({"check", file_}));

  expect_done(piecemark({"import", file_, "--components", folder_.path("components.csv")}));
  const std::string full = piecemark({"fingerprint", file_}).out;
  const Finished listed = piecemark({"downgrade", file_, "--to", "-2"});
  EXPECT_EQ(listed.status, 1);
  EXPECT_EQ(std::count(listed.out.begin(), listed.out.end(), '\n'), 2);
  EXPECT_EQ(piecemark({"fingerprint", file_}).out, full);
  expect_done(piecemark({"downgrade", file_, "--to", "base", "--on-conflict", "stash"}));
  expect_done(piecemark({"verify", file_}));
  EXPECT_THAT(piecemark({"info", file_, "--json"}).out, HasSubstr("\"stash_entries\":2"));
  expect_done(piecemark({"upgrade", file_, "--to", "add_instance_identifier"}));
  EXPECT_EQ(piecemark({"current", file_}).out, "2  add_instance_identifier\n");
  EXPECT_EQ(piecemark({"fingerprint", file_}).out, full);
  expect_done(piecemark({"upgrade", file_, "--to", "+1"}));
  EXPECT_EQ(piecemark({"fingerprint", file_}).out, full);
  const std::string receipts = piecemark({"history", file_, "--json"}).out;
  EXPECT_EQ(std::count(receipts.begin(), receipts.end(), '\n'), 4);
  EXPECT_EQ(piecemark({"upgrade", file_}).out, "'" + file_ + "' has format 3 already\n");
}

TEST_F(VerbsTest, FormatsShowsTheChain) {
  EXPECT_EQ(
      piecemark({"formats"}).out,
      "2 -> 3 (head)  pack_blocks  the components of a drawing lie together, packed in blocks\n"
      "1 -> 2  add_instance_identifier  instances of a piece mark are told apart by instance_identifier\n"
      "base -> 1  a piece mark occurs once on a drawing\n");
}

TEST_F(VerbsTest, FingerprintLeavesColumnsOut) {
  expect_done(import());
  EXPECT_NE(piecemark({"fingerprint", file_, "--without", "quantity"}).out,
            piecemark({"fingerprint", file_}).out);
  EXPECT_NE(piecemark({"fingerprint", file_, "--without", "quantity,id"}).out,
            piecemark({"fingerprint", file_, "--without", "id"}).out);
  EXPECT_EQ(piecemark({"fingerprint", file_, "--without", "colour"}).status, 2);
  EXPECT_THAT(piecemark({"fingerprint", file_, "--json"}).out,
              StartsWith("{\"components\":{\"rows\":2,\"fingerprint\":\""));
}

TEST_F(VerbsTest, WrongWordsAreUsageErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"nope"},
                                             {"create"},
                                             {"get", file_, "no id"},
                                             {"find", file_},
                                             {"import", file_},
                                             {"upgrade", file_, "--colour"},
                                             {"exec", file_, "--no-sync"}}) {
    EXPECT_EQ(piecemark(words).status, 2);
  }
  expect_done(import());
  EXPECT_EQ(piecemark({"downgrade", file_, "--to", "head then"}).status, 2);
  EXPECT_EQ(piecemark({"upgrade", file_, "--to", "1"}).status, 2);
}

TEST_F(VerbsTest, EveryVerbHelps) {
  for (const char* verb :
       {"create", "info", "import", "export", "exec", "get", "find", "list", "formats", "current", "history",
        "check", "plan", "upgrade", "downgrade", "stash", "fingerprint", "verify"}) {
    const Finished finished = piecemark({verb, "--help"});
    EXPECT_EQ(finished.status, 0) << verb;
    EXPECT_THAT(finished.out, HasSubstr(verb));
  }
  EXPECT_THAT(piecemark({"--version"}).out, StartsWith("piecemark "));
}

TEST_F(VerbsTest, ReadingVerbsChangeNoByte) {
  expect_done(import());
  const std::string before = testing::read_file(file_);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"info", file_},
                                             {"export", file_},
                                             {"list", file_, kDrawing},
                                             {"current", file_},
                                             {"history", file_},
                                             {"check", file_},
                                             {"fingerprint", file_},
                                             {"verify", file_},
                                             {"downgrade", file_, "--to", "1"}}) {
    piecemark(words);
    EXPECT_EQ(testing::read_file(file_), before) << words[0];
  }
}

}  // namespace
}  // namespace piecemark
