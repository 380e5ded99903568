// Input that cannot be imported: status 1, the line, what was found - and nothing stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using ::testing::AllOf;
using testing::Finished;
using ::testing::HasSubstr;
using testing::piecemark;
using testing::TemporaryFolder;

class BadTextTest : public ::testing::Test {
 protected:
  BadTextTest() { Store::create(file_); }

  std::uint64_t stored() const { return Store::open(file_, {.read_only = true}).info().components; }

  // The import is refused with this code and these words, and leaves nothing.
  void expect_refused(const std::string& name, const std::string& text, const std::string& line,
                      const std::string& code, const std::string& found) {
    const Finished finished = piecemark({"import", file_, "--components", folder_.write(name, text)});
    EXPECT_EQ(finished.status, 1) << found;
    EXPECT_THAT(finished.err, AllOf(HasSubstr("line " + line), HasSubstr(": " + code + "\n"),
                                    HasSubstr(found), HasSubstr("  next       ")))
        << text.substr(0, 200);
    EXPECT_EQ(stored(), 0U);
  }
  void csv(const std::string& text, const std::string& line, const std::string& code,
           const std::string& found) {
    expect_refused("bad.csv", text, line, code, found);
  }
  void ndjson(const std::string& text, const std::string& line, const std::string& code,
              const std::string& found) {
    expect_refused("bad.ndjson", text, line, code, found);
  }

  TemporaryFolder folder_;
  std::string file_ = folder_.path("site.pmk");
};

TEST_F(BadTextTest, CsvHeader) {
  csv("", "1", "invalid_text_representation", "no header line");
  csv("quantity\n1\n", "1", "invalid_text_representation", "no column \"piece_mark\"");
  csv("piece_mark,colour\nG1,red\n", "1", "invalid_text_representation",
      "the unknown column \"colour\"; known are id, drawing_id,");
  csv("piece_mark,piece_mark\nG1,G2\n", "1", "invalid_text_representation", "occurs twice");
  csv("\xEF\xBB\xBFpiece_mark\nG1\n", "1", "character_not_in_repertoire", "a byte order mark");
  csv("\xEF\xBB\xBF\"piece_mark\"\nG1\n", "1", "character_not_in_repertoire", "a byte order mark");
}

TEST_F(BadTextTest, CsvRows) {
  csv("piece_mark,quantity\nG1,1\nG2\n", "3", "invalid_text_representation", "1 fields, the header has 2");
  csv("piece_mark,quantity\nG1,1\nG2,1,2\n", "3", "invalid_text_representation",
      "3 fields, the header has 2");
  csv("piece_mark\nG1\n\"G2\nG3\n", "3", "invalid_text_representation",
      "a quote opened in line 3 is never closed");
  csv("piece_mark\nG1\nG\"2\n", "3", "invalid_text_representation", "a quote within an unquoted field");
  csv("piece_mark\nG1\n\"G\"2\n", "3", "invalid_text_representation", "text behind the closing quote");
  csv("piece_mark\nG1\nG\xFF\n", "3, column piece_mark", "character_not_in_repertoire", "not valid UTF-8");
  csv(std::string("piece_mark\nG1\nG\0002\n", 17), "3, column piece_mark", "character_not_in_repertoire",
      "U+0000");
  csv("piece_mark,quantity\nG1,1\nG2,many\n", "3, column quantity", "invalid_text_representation",
      "\"many\" is not a number");
  csv("piece_mark,quantity\nG1,2147483648\n", "2, column quantity", "numeric_value_out_of_range",
      "out of range");
  csv("piece_mark,location_x\nG1,1e400\n", "2, column location_x", "numeric_value_out_of_range",
      "out of range");
  csv("piece_mark,created_at\nG1,soon\n", "2, column created_at", "invalid_datetime_format",
      "not a time stamp");
  csv("piece_mark,created_at\nG1,2025-02-30\n", "2, column created_at", "datetime_field_overflow",
      "out of range");
  csv("piece_mark,drawing_id\nG1,S-101\n", "2, column drawing_id", "invalid_text_representation",
      "not a UUID");
  csv("piece_mark,bounding_box\nG1,\"{\"\"x\"\":}\"\n", "2, column bounding_box",
      "invalid_text_representation", "not valid JSON");
  csv("piece_mark\nG1\n,\n", "3", "invalid_text_representation", "2 fields");
  csv("piece_mark,quantity\nG1,1\n,2\n", "3, column piece_mark", "not_null_violation", "must have a value");
  csv("piece_mark,confidence_score\nG1,1.5\n", "2, column confidence_score", "check_violation",
      "not between 0 and 1");
}

TEST_F(BadTextTest, CsvLinesCountLineBreaksWithinQuotes) {
  csv("piece_mark,material_type\nG1,\"a\nb\nc\"\nG2,x,y\n", "5", "invalid_text_representation", "3 fields");
}

TEST_F(BadTextTest, Ndjson) {
  const std::string good = "{\"piece_mark\":\"G1\"}\n";
  ndjson(good + "{\"piece_mark\":\n", "2", "invalid_text_representation", "not valid JSON");
  ndjson(good + "[1]\n", "2", "invalid_text_representation", "not a JSON object");
  ndjson(good + "{\"piece_mark\":7}\n", "2, column piece_mark", "invalid_text_representation",
         "must be a string or null, found a number");
  ndjson(good + "{\"piece_mark\":\"G2\",\"quantity\":\"7\"}\n", "2, column quantity",
         "invalid_text_representation", "must be a number or null, found a string");
  ndjson(good + "{\"piece_mark\":\"G2\",\"quantity\":1.5}\n", "2, column quantity",
         "invalid_text_representation", "is not a whole number");
  ndjson(good + "{\"piece_mark\":\"G2\",\"colour\":1}\n", "2", "invalid_text_representation",
         "no column \"colour\"");
  ndjson(good + "{\"piece_mark\":\"G2\",\"piece_mark\":\"G3\"}\n", "2", "invalid_text_representation",
         "\"piece_mark\" occurs twice");
  ndjson(good + "{\"piece_mark\":\"G\xFF\"}\n", "2", "character_not_in_repertoire", "not valid UTF-8");
  ndjson(good + "{\"piece_mark\":\"G\\u0000\"}\n", "2, column piece_mark", "character_not_in_repertoire",
         "U+0000");
  ndjson("\xEF\xBB\xBF" + good, "1", "character_not_in_repertoire", "a byte order mark");
  ndjson(good + "{\"piece_mark\":\"" + std::string(10'000'000, 'x') + "\"}\n", "2, column piece_mark",
         "string_data_right_truncation", "10000000 characters");
  ndjson(good + std::string(20'000'000, 'x') + "\n", "2", "invalid_text_representation",
         "a line longer than");
  ndjson(good + "{\"piece_mark\":\"G2\",\"bounding_box\":" + std::string(100'000, '[') + "}\n", "2",
         "invalid_text_representation", "nesting deeper than");
  ndjson(good + "{\"piece_mark\":null}\n", "2, column piece_mark", "not_null_violation", "must have a value");
  ndjson(good + "{}\n", "2, column piece_mark", "not_null_violation", "must have a value");
}

TEST_F(BadTextTest, DrawingThatDoesNotExist) {
  ndjson("{\"drawing_id\":\"00000000-0000-7000-8000-000000000001\",\"piece_mark\":\"G1\"}\n",
         "1, column drawing_id", "foreign_key_violation", "is not there");
}

TEST_F(BadTextTest, DuplicateKeysInOneImport) {
  const std::string drawings =
      folder_.write("drawings.ndjson", "{\"id\":\"00000000-0000-7000-8000-000000000001\"}\n");
  const std::string row =
      "{\"drawing_id\":\"00000000-0000-7000-8000-000000000001\",\"piece_mark\":\"G1\",\"instance_"
      "identifier\":\"1\"}\n";
  const std::string components = folder_.write("components.ndjson", row + row);
  const Finished finished = piecemark({"import", file_, "--drawings", drawings, "--components", components});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.err, AllOf(HasSubstr("line 2"), HasSubstr("unique_violation"),
                                  HasSubstr("piece_mark \"G1\", instance_identifier \"1\" already")));
  EXPECT_EQ(stored(), 0U);
  EXPECT_EQ(Store::open(file_).info().drawings, 0U) << "all or nothing";
}

TEST_F(BadTextTest, SkipInvalidStoresTheOthersAndListsThem) {
  const std::string rejects = folder_.path("rejects.ndjson");
  const std::string components = folder_.write(
      "mixed.csv",
      "piece_mark,quantity,material_type\nG1,1,\nG2,many,\nG3,3/4\" bolt,\nG4,4,\"say \"\"x\"\"\"\n,5,\n");
  const Finished finished =
      piecemark({"import", file_, "--components", components, "--skip-invalid", "--rejects", rejects});
  EXPECT_EQ(finished.status, 1) << finished.err;
  EXPECT_EQ(finished.out,
            "imported 2 components and 0 drawings\nrefused  3 invalid rows, written to '" + rejects + "'\n");
  const std::string listed = testing::read_file(rejects);
  EXPECT_THAT(
      listed,
      AllOf(HasSubstr("{\"line\":3,\"code\":\"invalid_text_representation\",\"constraint\":null,\"column\":"
                      "\"quantity\""),
            HasSubstr("\"row\":{\"piece_mark\":\"G2\",\"quantity\":\"many\",\"material_type\":null}}"),
            HasSubstr("{\"line\":4,"), HasSubstr("{\"line\":6,\"code\":\"not_null_violation\"")));
}

TEST_F(BadTextTest, MendedRejectsCanBeImported) {
  const std::string rejects = folder_.path("rejects.ndjson");
  const std::string components =
      folder_.write("mixed.csv", "piece_mark,quantity,bounding_box\n,1,\"{\"\"x\"\": 1}\"\n");
  EXPECT_EQ(
      piecemark({"import", file_, "--components", components, "--skip-invalid", "--rejects", rejects}).status,
      1);
  std::string mended = testing::read_file(rejects);
  mended.replace(mended.find("\"piece_mark\":null"), 17, "\"piece_mark\":\"G1\"");
  EXPECT_EQ(piecemark({"import", file_, "--components", folder_.write("mended.ndjson", mended)}).status, 0);
  EXPECT_EQ(stored(), 1U);
}

TEST_F(BadTextTest, UnclosedQuoteEndsEvenALenientImport) {
  const std::string components = folder_.write("open.csv", "piece_mark\nG1\n\"G2\nG3\n");
  EXPECT_EQ(piecemark({"import", file_, "--components", components, "--skip-invalid"}).status, 1);
  EXPECT_EQ(stored(), 0U);
}

TEST_F(BadTextTest, InputFilesThatAreNotThere) {
  EXPECT_EQ(
      piecemark({"import", folder_.path("new.pmk"), "--components", folder_.path("missing.csv")}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("new.pmk")));
  EXPECT_EQ(
      piecemark({"import", file_, "--components", folder_.write("components.txt", "piece_mark\n")}).status,
      2);
}

}  // namespace
}  // namespace piecemark
