#include "index/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/record.h"
#include "index/catalogue.h"
#include "piecemark/store.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::TemporaryFolder;

// What opening a file says that has these tables, a stamp of this format, and an entry in each of `filled`, which is one of
// `sealed_for` if that is given.
std::string found_in(std::vector<std::string_view> tables, std::uint32_t format,
                     const std::vector<std::string_view>& filled = {}, std::string_view sealed_for = {}) {
  const TemporaryFolder folder;
  const std::string path = folder.path("store.pmk");
  engine::Environment::create(path, tables, [&](engine::WriteTransaction& transaction) {
    const auto handle = [&](std::string_view name) {
      const auto place = std::find(tables.begin(), tables.end(), name) - tables.begin();
      return transaction.environment()->table(static_cast<std::size_t>(place));
    };
    transaction.put(handle("meta"), engine::kStampKey,
                    engine::encode_stamp(new_stamp(*format_numbered(format), false)));
    for (const std::string_view name : filled) {
      std::string record(engine::kChecksumSize, '\0');
      record += "value";
      engine::seal({sealed_for.empty() ? name : sealed_for, "key"}, record);
      transaction.put(handle(name), "key", record);
    }
  });
  try {
    Store::open(path);
    return "sound";
  } catch (const Error& error) {
    return std::string(name_of(error.code())) + ": " + error.facts().found;
  }
}

std::vector<std::string_view> tables_but(std::string_view left_out) {
  std::vector<std::string_view> tables(kTables.begin(), kTables.end());
  std::erase(tables, left_out);
  return tables;
}

TEST(Schema, EveryFormatHasItsTables) {
  for (const Format& format : formats()) EXPECT_EQ(found_in(tables_but(""), format.number), "sound");
  EXPECT_EQ(found_in(tables_but("blocks.3"), 2), "sound");  // made by a library that did not know format 3
  EXPECT_EQ(found_in(tables_but("blocks.3"), 3), "corrupt_file: format 3 without its table 'blocks.3'");
  EXPECT_EQ(found_in(tables_but("ids.3"), 3), "corrupt_file: format 3 without its table 'ids.3'");
}

TEST(Schema, TableThatNoFormatKnowsIsFound) {
  std::vector<std::string_view> tables = tables_but("blocks.3");
  tables.emplace_back("blocks.2");
  EXPECT_EQ(found_in(tables, 2), "corrupt_file: a table 'blocks.2' that format 2 does not have");
}

// A record of a table that took the place of another would hide what lies there.
TEST(Schema, EntriesInATableOfAnotherFormatAreFound) {
  EXPECT_EQ(found_in(tables_but(""), 3, {"components.1"}),
            "corrupt_file: table 'components.1' of format 1 with entries");
  EXPECT_EQ(found_in(tables_but(""), 1, {"ids.3"}), "corrupt_file: table 'ids.3' of format 3 with entries");
  EXPECT_EQ(found_in(tables_but(""), 1, {"components.1", "stash"}), "sound");
}

TEST(Schema, TablesThatHaveChangedTheirNamesAreFound) {
  EXPECT_EQ(found_in(tables_but(""), 3, {"stash"}, "stash"), "sound");
  EXPECT_EQ(found_in(tables_but(""), 3, {"stash"}, "drawings"),
            "corrupt_file: entries of table 'drawings' under the name 'stash'");
  EXPECT_EQ(found_in(tables_but(""), 3, {"ids.3"}, "history"),
            "corrupt_file: entries of table 'history' under the name 'ids.3'");
}

}  // namespace
}  // namespace piecemark::index
