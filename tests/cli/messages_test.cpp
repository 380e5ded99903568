// What the program says of text that is none, and of names and values that nobody would want on his terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::piecemark;

class MessagesTest : public ::testing::Test {
 protected:
  // Of an import of this text.
  std::string error(const std::string& name, const std::string& text) const {
    const Finished finished = piecemark({"import", store_, "--components", folder_.write(name, text)});
    EXPECT_EQ(finished.status, 1) << finished.out;
    EXPECT_THAT(finished.err, HasSubstr("\n  next       ")) << "a message that was cut off";
    return finished.err;
  }
  static void expect_shown(const std::string& text) {
    for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
    EXPECT_TRUE(simdjson::validate_utf8(text)) << text;
  }

  testing::TemporaryFolder folder_;
  std::string store_ = folder_.path("site.pmk");
};

TEST_F(MessagesTest, BytesThatAreNoTextAreWrittenAsNumbers) {
  const std::string strange = std::string("a\0b\x1b[31m\xff\x7f\t", 11) + "\u009b\u202e";
  const std::string column = error("rows.csv", "piece_mark," + strange + "\nG1,1\n");
  EXPECT_THAT(column, HasSubstr(R"(the unknown column "a\x00b\x1b[31m\xff\x7f\x09\xc2\x9b\xe2\x80\xae")"));
  expect_shown(column);
  const std::string value = error("rows.csv", "piece_mark,quantity\nG1," + strange + "\n");
  EXPECT_THAT(value, HasSubstr(R"("a\x00b\x1b[31m\xff)"));
  expect_shown(value);
  const std::string name = piecemark({"info", folder_.path("a\x01\xfe\n")}).err;
  EXPECT_THAT(name, HasSubstr("a\\x01\\xfe"));
  EXPECT_THAT(name, HasSubstr("next"));
  const Finished answer = piecemark({"find", store_, "-", "\x1b]0;\xff"});
  expect_shown(answer.err);
}

TEST_F(MessagesTest, LongTextIsShortened) {
  const std::string value = error("rows.csv", "piece_mark,quantity\nG1," + std::string(5000, '7') + "x\n");
  EXPECT_LT(value.size(), 400U);
  EXPECT_THAT(value, HasSubstr(std::string(40, '7') + "...\""));
  Store::create(store_);
  const std::string mark = piecemark({"find", store_, "-", std::string(3000, 'G')}).err;
  EXPECT_LT(mark.size(), 200U);
  // At the end of a character.
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\u00e4";
  expect_shown(error("rows.csv", "piece_mark," + umlauts + "\nG1,1\n"));
}

TEST_F(MessagesTest, Utf16IsNamed) {
  const std::string text = "piece_mark\nG1\n";
  const std::string json = "{\"piece_mark\":\"G1\"}\n";
  for (const bool is_big : {false, true}) {
    for (const bool has_mark : {false, true}) {
      const auto wide = [&](const std::string& narrow) {
        std::string bytes = !has_mark ? "" : is_big ? "\xfe\xff" : "\xff\xfe";
        for (const char c : narrow) bytes += is_big ? std::string{'\0', c} : std::string{c, '\0'};
        return bytes;
      };
      const std::string named = is_big ? "UTF-16 (big endian)" : "UTF-16 (little endian)";
      EXPECT_THAT(error("wide.csv", wide(text)), HasSubstr(named)) << has_mark;
      EXPECT_THAT(error("wide.ndjson", wide(json)), HasSubstr(named)) << has_mark;
    }
  }
}

TEST_F(MessagesTest, ANumberThatIsNotWholeIsCalledThat) {
  EXPECT_THAT(error("rows.csv", "piece_mark,quantity\nG1,5.0\n"), HasSubstr("\"5.0\" is not a whole number"));
  EXPECT_THAT(error("rows.ndjson", "{\"piece_mark\":\"G1\",\"quantity\":1e3}\n"),
              HasSubstr("\"1e3\" is not a whole number"));
  EXPECT_THAT(error("rows.csv", "piece_mark,quantity\nG1,five\n"), HasSubstr("\"five\" is not a number"));
}

TEST_F(MessagesTest, JsonIsValidWhateverTheFileIsCalled) {
  for (const std::string name : {"a\xff.pmk", "quote\".pmk", "tab\t.pmk", "back\\slash.pmk", "line\n.pmk"}) {
    const std::string path = folder_.path(name);
    Store::create(path);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"info", path, "--json"}, {"plan", path, "--to", "2", "--json"}}) {
      const Finished finished = piecemark(words);
      EXPECT_EQ(finished.status, 0) << finished.err;
      simdjson::dom::parser parser;
      EXPECT_FALSE(parser.parse(finished.out).error()) << finished.out;
    }
    expect_shown(piecemark({"info", path}).out);
    expect_shown(piecemark({"backup", path, path + ".copy"}).out);
    expect_shown(piecemark({"verify", path}).out);
  }
}

TEST_F(MessagesTest, DrawingsHaveIdsNamesOrNone) {
  Store store = Store::create(store_);
  WriteTxn txn = store.write();
  const Uuid first = txn.insert_drawing({.name = "S-101"});
  txn.insert_drawing({.name = "twice"});
  txn.insert_drawing({.name = "twice"});
  txn.insert({.drawing_id = first, .piece_mark = "G1"});
  txn.insert({.drawing_id = std::nullopt, .piece_mark = "N1"});
  txn.commit();
  EXPECT_THAT(piecemark({"list", store_, "-"}).out, HasSubstr("\"piece_mark\":\"N1\""));
  EXPECT_THAT(piecemark({"list", store_, "-"}).out, Not(HasSubstr("G1")));
  EXPECT_THAT(piecemark({"find", store_, "-", "N1"}).out, HasSubstr("\"piece_mark\":\"N1\""));
  EXPECT_EQ(piecemark({"find", store_, "-", "G1"}).status, 1);
  EXPECT_EQ(piecemark({"list", store_, "S-101"}).out, piecemark({"list", store_, first.to_string()}).out);
  EXPECT_EQ(piecemark({"find", store_, "S-101", "G1"}).status, 0);
  EXPECT_THAT(piecemark({"list", store_, "twice"}).err, HasSubstr("the name of 2 drawings"));
  EXPECT_EQ(piecemark({"list", store_, "none"}).status, 2);
}

}  // namespace
}  // namespace piecemark
