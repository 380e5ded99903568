// Real component lists through every format and back. Skipped, and said so, where the data is not at hand.
#include <gtest/gtest.h>

#include "api/text/import.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::TemporaryFolder;

constexpr std::uint64_t kComponents = 12'972;

void import_all(Store& store, const std::filesystem::path& data, const std::string& components,
                OnConflict on_conflict) {
  for (const auto& folder : std::filesystem::directory_iterator(data)) {
    if (!folder.is_directory()) continue;
    const std::string file = (folder.path() / components).string();
    text::Importer({.drawings = text::ImportOptions::Source{(folder.path() / "drawings.ndjson").string(),
                                                            text::TextFormat::ndjson},
                    .components = text::ImportOptions::Source{file, *text::text_format_of(file)},
                    .on_conflict = on_conflict})
        .run(store);
  }
}

ContentFingerprint content(const Store& store, ColumnSet columns) {
  const ReadTxn snapshot = store.read();
  return fingerprint(snapshot, columns);
}

class RealDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!data_) GTEST_SKIP() << "no real data: set PIECEMARK_DATA to its folder";
  }

  std::optional<std::filesystem::path> data_ = testing::real_data();
  TemporaryFolder folder_;
};

TEST_F(RealDataTest, CsvAndNdjsonHoldTheSame) {
  Store csv = Store::create(folder_.path("csv.pmk"));
  Store ndjson = Store::create(folder_.path("ndjson.pmk"));
  import_all(csv, *data_, "components.csv", OnConflict::fail);
  import_all(ndjson, *data_, "components.ndjson", OnConflict::fail);
  ColumnSet columns = ColumnSet::all();
  columns.remove(Column::id);
  EXPECT_EQ(csv.info().components, kComponents);
  EXPECT_EQ(content(csv, columns), content(ndjson, columns));
  EXPECT_TRUE(verify(csv.read()).is_clean());
}

TEST_F(RealDataTest, OldFilesGoUpDownAndUp) {
  Store store = Store::create(folder_.path("v1.pmk"), {.format = 1}, {.write_older_format = true});
  import_all(store, *data_, "v1.csv", OnConflict::fail);
  const ColumnSet old_columns = columns_of_format(1);
  const auto old_content = content(store, old_columns);
  ASSERT_TRUE(migrate(store, 2));
  EXPECT_EQ(content(store, old_columns), old_content);

  import_all(store, *data_, "components.csv", OnConflict::skip);
  const auto before = content(store, ColumnSet::all());
  std::uint64_t listed = 0;
  EXPECT_EQ(
      testing::error_of([&] { migrate(store, 1, {.on_set_aside = [&](const SetAside&) { ++listed; }}); }),
      ErrorCode::downgrade_refused);
  EXPECT_EQ(listed, kComponents);
  EXPECT_EQ(content(store, ColumnSet::all()), before);
  const auto down = migrate(store, 1, {.on_loss = OnLoss::stash});
  ASSERT_TRUE(down);
  EXPECT_EQ(down->stashed_rows, kComponents);
  EXPECT_TRUE(verify(store.read()).is_clean());
  ASSERT_TRUE(migrate(store, 2));
  EXPECT_EQ(content(store, ColumnSet::all()), before);
  EXPECT_TRUE(verify(store.read()).is_clean());
}

}  // namespace
}  // namespace piecemark
