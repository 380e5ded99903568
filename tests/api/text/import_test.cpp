// Imports large enough to be read ahead: what is stored, refused and listed is what one row at a time would give.
#include "api/text/import.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark::text {
namespace {

constexpr int kRows = 20'000;
const std::string kPadding(60, 'm');

class ImportTest : public ::testing::Test {
 protected:
  static std::string row(int number, const std::string& quantity) {
    return "{\"piece_mark\":\"G" + std::to_string(number) + "\",\"quantity\":" + quantity +
           ",\"material_type\":\"" + kPadding + "\"}\n";
  }
  static std::string id_row(const char* id) {
    return "{\"id\":\"" + std::string(id) + "\",\"piece_mark\":\"X\"}\n";
  }
  // Rows 1 to kRows, each in its line, with these instead of some.
  static std::string rows(const std::map<int, std::string>& others) {
    std::string text;
    for (int i = 1; i <= kRows; ++i) {
      const auto other = others.find(i);
      text += other == others.end() ? row(i, std::to_string(i)) : other->second;
    }
    return text;
  }
  ImportResult import(const std::string& text, bool skip_invalid, std::uint64_t* rows_reported = nullptr) {
    Importer importer({.components = TextSource{folder_.write("rows.ndjson", text), TextFormat::ndjson},
                       .skip_invalid = skip_invalid,
                       .rejects_path = skip_invalid ? rejects_ : "",
                       .on_progress = [&](std::uint64_t done, std::uint64_t, std::uint64_t) {
                         if (rows_reported != nullptr) *rows_reported = done;
                       }});
    return importer.run(store_);
  }
  std::string refusal(const std::string& text) {
    try {
      import(text, false);
    } catch (const ConstraintViolation& error) {
      EXPECT_EQ(store_.read().component_count(), 0U);
      return error.facts().attempted.substr(error.facts().attempted.find("line")) + ": " +
             std::string(name_of(error.code()));
    }
    return "none";
  }

  testing::TemporaryFolder folder_;
  Store store_ = Store::create(folder_.path("site.pmk"));
  std::string rejects_ = folder_.path("rejects.ndjson");
};

constexpr const char* kId = "00000000-0000-7000-8000-000000000001";

TEST_F(ImportTest, StoresEveryRow) {
  std::uint64_t reported = 0;
  EXPECT_EQ(import(rows({}), false, &reported).inserted, std::uint64_t{kRows});
  EXPECT_EQ(reported, std::uint64_t{kRows});
  EXPECT_EQ(store_.read().component_count(), std::uint64_t{kRows});
}

TEST_F(ImportTest, TheFirstInvalidRowIsTheOneRefused) {
  EXPECT_EQ(refusal(rows({{15'000, row(1, "1.5")}, {15'001, "{\n"}})),
            "line 15000, column quantity: invalid_text_representation");
  EXPECT_EQ(refusal(rows({{7, id_row(kId)}, {15'000, id_row(kId)}, {15'001, "{\n"}})),
            "line 15000: unique_violation")
      << "what only the store can see comes before the text of a later row";
  EXPECT_EQ(refusal(rows({{kRows, "\xFF\n"}})), "line 20000: character_not_in_repertoire");
}

TEST_F(ImportTest, SkipsAndListsInvalidRowsInTheirOrder) {
  const ImportResult result = import(rows({{7, id_row(kId)},
                                           {9, "{\n"},
                                           {130, "[\"\xC3\xA9\"]\n"},
                                           {131, "\n"},
                                           {9'000, id_row(kId)},
                                           {kRows, row(5, "\"5\"")}}),
                                     true);
  EXPECT_EQ(result.inserted, std::uint64_t{kRows - 5});
  EXPECT_EQ(result.invalid, 4U);
  std::string listed = testing::read_file(rejects_);
  const auto rest = [&](const std::string& line) {  // From the row on, in the list's line for that line.
    const auto at = listed.find("\"row\":", listed.find("{\"line\":" + line + ","));
    return listed.substr(at, listed.find('\n', at) - at);
  };
  EXPECT_EQ(rest("9"), "\"row\":\"{\"}");
  EXPECT_EQ(rest("130"), "\"row\":\"[\\\"\xC3\xA9\\\"]\"}");
  EXPECT_EQ(rest("9000"), "\"row\":{\"id\":\"" + std::string(kId) + "\",\"piece_mark\":\"X\"}}");
  EXPECT_EQ(rest("20000"), "\"row\":" + row(5, "\"5\"").substr(0, row(5, "\"5\"").size() - 1) + "}");
  EXPECT_LT(listed.find("{\"line\":130,"), listed.find("{\"line\":9000,"));
}

// Who writes into a pipe may wait for the answer before writing on.
TEST_F(ImportTest, AnInvalidRowFromAPipeIsToldBeforeThePipeEnds) {
  const std::string pipe = folder_.path("pipe.ndjson");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int writer = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  const std::string text = row(1, "1") + row(2, "1.5");
  ASSERT_EQ(::write(writer, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const testing::Finished finished =
      testing::piecemark({"import", folder_.path("new.pmk"), "--components", pipe});
  EXPECT_EQ(finished.status, 1);
  EXPECT_NE(finished.err.find("line 2, column quantity"), std::string::npos) << finished.err;
  ::close(writer);
}

}  // namespace
}  // namespace piecemark::text
