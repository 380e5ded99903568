#include "migration/runner.h"

#include <gtest/gtest.h>

#include <array>

#include "index/ordered_writer.h"
#include "migration/chain.h"
#include "migration/steps/add_instance_identifier.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"

namespace piecemark::migration {
namespace {

using testing::dump;
using testing::error_of;
using testing::TemporaryFolder;

TEST(Chain, LeadsFromEachFormatToTheNext) {
  ASSERT_EQ(chain().size() + 1, index::formats().size());
  for (std::size_t i = 0; i < chain().size(); ++i) {
    EXPECT_EQ(chain()[i].from, i + 1);
    EXPECT_EQ(chain()[i].to, i + 2);
  }
}

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest()
      : store_(Store::create(folder_.path("store.pmk"), {.format = 1}, {.write_older_format = true})) {
    WriteTxn transaction = store_.write();
    const Uuid drawing = transaction.insert_drawing({.name = "S-101"});
    for (const char* mark : {"G1", "G2", "B1"})
      transaction.insert({.drawing_id = drawing, .piece_mark = mark});
    transaction.commit();
    environment_ = engine::Environment::open(folder_.path("store.pmk"), index::kTables, {});
  }

  // What a run with this upgrade ends with; the file must be as before.
  std::optional<ErrorCode> run_with(void (*upgrade)(StepWork&)) {
    Step step = kAddInstanceIdentifier;
    step.upgrade = upgrade;
    const std::string before = dump(store_);
    const auto result = error_of([&] { run(*environment_, 2, {}, std::array{step}); });
    EXPECT_EQ(dump(store_), before);
    EXPECT_EQ(store_.info().format, 1U);
    EXPECT_EQ(store_.info().migrations, 0U);
    EXPECT_TRUE(verify(store_.read()).is_clean());
    return result;
  }

  TemporaryFolder folder_;
  Store store_;
  std::shared_ptr<engine::Environment> environment_;
};

// A step that writes every row of the older format, changed by `change`; false leaves the row out.
template <class Change>
void copy_rows(StepWork& work, const Change& change) {
  const StepSource& source = work.source();
  const auto& target = dynamic_cast<const index::OrderedLayout&>(work.target()->layout());
  index::OrderedBulkWriter writer(target, work.target()->transaction);
  const auto rows = source.layout().all_by_id(source.transaction, work.sorting_folder());
  for (ComponentRow row; rows->next(row);) {
    if (change(row)) writer.add(row);
  }
  const auto by_key = source.layout().all_by_key(source.transaction);
  for (ComponentRow row; by_key->next(row);) {
    if (change(row)) writer.add_key({row.drawing_id, row.piece_mark, row.instance_identifier, row.id});
  }
  writer.finish();
}

TEST_F(RunnerTest, StepThatChangesASharedColumnIsCaught) {
  EXPECT_EQ(run_with([](StepWork& work) {
              copy_rows(work, [](ComponentRow& row) {
                if (row.piece_mark == "G2") row.quantity = 7;
                return true;
              });
            }),
            ErrorCode::migration_mismatch);
}

TEST_F(RunnerTest, StepThatLosesARowIsCaught) {
  EXPECT_EQ(run_with([](StepWork& work) {
              copy_rows(work, [](const ComponentRow& row) { return row.piece_mark != "G2"; });
            }),
            ErrorCode::migration_mismatch);
}

TEST_F(RunnerTest, StepThatInventsAnIdentifierIsCaught) {
  EXPECT_EQ(run_with([](StepWork& work) {
              copy_rows(work, [](ComponentRow& row) {
                row.instance_identifier = "1";
                return true;
              });
            }),
            ErrorCode::migration_mismatch);
}

TEST_F(RunnerTest, StepThatThrowsLeavesTheFileAsItWas) {
  EXPECT_EQ(run_with([](StepWork&) {
              throw Error(ErrorCode::disk_full, {"cannot write", "nothing left", {}, {}});
            }),
            ErrorCode::disk_full);
}

// Damage in the history is met before anything is written, not by the next verification.
TEST_F(RunnerTest, DamagedHistoryIsRefused) {
  {
    engine::WriteTransaction transaction = environment_->begin_write();
    transaction.put(index::table(*environment_, index::TableId::history), std::string("\0\0\0\1", 4),
                    "damaged");
    transaction.commit();
  }
  EXPECT_EQ(error_of([&] { run(*environment_, 2, {}, chain()); }), ErrorCode::corrupt_record);
  EXPECT_EQ(store_.info().format, 1U);
}

TEST_F(RunnerTest, UnknownFormatIsRefused) {
  EXPECT_EQ(error_of([&] { run(*environment_, 4, {}, chain()); }), ErrorCode::no_such_format);
  EXPECT_EQ(error_of([&] { run(*environment_, 0, {}, chain()); }), ErrorCode::no_such_format);
}

TEST_F(RunnerTest, FormatAtHandNeedsNoRun) {
  EXPECT_EQ(run(*environment_, 1, {}, chain()), std::nullopt);
}

TEST_F(RunnerTest, ReadersKeepTheirSnapshotDuringARun) {
  const ReadTxn snapshot = store_.read();
  const std::string before = dump(snapshot);
  ASSERT_TRUE(run(*environment_, 2, {}, chain()));
  EXPECT_EQ(dump(snapshot), before);
  EXPECT_EQ(snapshot.format(), 1U);
  EXPECT_EQ(store_.read().format(), 2U);
  EXPECT_EQ(dump(store_), before) << "the new column is NULL";
}

}  // namespace
}  // namespace piecemark::migration
