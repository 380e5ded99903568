#include "migration/history.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/environment.h"
#include "index/tables.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"

namespace piecemark::migration {
namespace {

using testing::TemporaryFolder;

const Receipt kReceipt{
    .number = 1,
    .from = 2,
    .to = 1,
    .steps = {"a"},
    .before = {.rows_in_table = 3, .drawings = {1, 2, 3}, .components = {4, 5, 6}, .extras = {7, 8, 9}},
    .after = {.rows_in_table = 2,
              .rows_in_stash = 1,
              .drawings = {1, 2, 3},
              .components = {4, 5, 6},
              .extras = {7, 8, 9}},
    .stashed_rows = 1,
    .stashed_identifiers = 2,
    .returned_rows = 3,
    .returned_identifiers = 4,
    .left_over = 5,
    .library_version = "0.1.0",
    .started_at = Timestamp{258},
    .duration_us = 7,
};

class HistoryTest : public ::testing::Test {
 protected:
  static std::shared_ptr<engine::Environment> create(const std::string& path) {
    engine::Environment::create(path, index::kTables, [](engine::WriteTransaction&) {});
    return engine::Environment::open(path, index::kTables, {});
  }

  TemporaryFolder folder_;
  std::shared_ptr<engine::Environment> environment_ = create(folder_.path("store"));
  engine::Table table_ = index::table(*environment_, index::TableId::history);
  History history_{table_};
};

// "n" followed by seven zero bytes, as a number of eight bytes.
std::string number(int n) {
  return "0" + std::to_string(n) + "00000000000000";
}

TEST_F(HistoryTest, BytesAreAsDocumented) {
  engine::WriteTransaction transaction = environment_->begin_write();
  history_.add(transaction, kReceipt);
  engine::Cursor cursor(transaction, table_);
  ASSERT_TRUE(cursor.first());
  EXPECT_EQ(engine::to_hex(cursor.key()), "00000001");
  std::string holdings;
  for (int n = 1; n <= 9; ++n) holdings += number(n);
  EXPECT_EQ(engine::to_hex(cursor.value().substr(8)),
            "00"
            "01000000"
            "02000000"
            "01000000"
            "01000000"
            "01000000"
            "61" +  // class version, number, from, to, steps
                number(3) +
                number(0) + holdings +                                       // before
                number(2) + number(1) + holdings +                           // after
                number(1) + number(2) + number(3) + number(4) + number(5) +  // stashed, returned, left over
                "05000000"
                "302e312e30"
                "0201000000000000"
                "0700000000000000");  // version, started_at, duration_us
}

TEST_F(HistoryTest, ReceiptsComeBackInOrder) {
  engine::WriteTransaction transaction = environment_->begin_write();
  Receipt second = kReceipt;
  second.number = 2;
  history_.add(transaction, second);
  history_.add(transaction, kReceipt);
  EXPECT_EQ(history_.count(transaction), 2U);
  std::vector<Receipt> receipts;
  history_.for_each(transaction, [&](const Receipt& receipt) { receipts.push_back(receipt); });
  EXPECT_EQ(receipts, (std::vector<Receipt>{kReceipt, second}));
}

TEST_F(HistoryTest, NumbersGoOnBehindTheLastOneAndNoReceiptIsReplaced) {
  engine::WriteTransaction transaction = environment_->begin_write();
  EXPECT_EQ(history_.next_number(transaction), 1U);
  for (const std::uint32_t number : {1U, 4U}) {
    Receipt receipt = kReceipt;
    receipt.number = number;
    history_.add(transaction, receipt);
  }
  EXPECT_EQ(history_.next_number(transaction), 5U);
  EXPECT_EQ(testing::error_of([&] { history_.add(transaction, kReceipt); }), ErrorCode::corrupt_record);
  Receipt highest = kReceipt;
  highest.number = std::numeric_limits<std::uint32_t>::max();
  history_.add(transaction, highest);
  EXPECT_EQ(testing::error_of([&] { history_.next_number(transaction); }), ErrorCode::corrupt_record);
}

// As salvage may leave it: receipts are gone, rows are not.
TEST(LostReceipts, AreANoteAndKeepNothingFromBeingDone) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  constexpr std::uint32_t kMigrations = 5;
  {
    Store store = Store::create(path, {}, {.write_older_format = true});
    for (std::uint32_t i = 0; i < kMigrations; ++i) migrate(store, i % 2 == 0 ? 1 : 3);
  }
  {
    const auto environment = engine::Environment::open(path, index::kTables, {});
    engine::WriteTransaction transaction = environment->begin_write();
    for (const char lost : {'\1', '\3'}) {
      const std::string key{0, 0, 0, lost};
      EXPECT_TRUE(transaction.erase(index::table(*environment, index::TableId::history), key));
    }
    transaction.commit();
  }
  Store store = Store::open(path, {.write_older_format = true});
  const std::vector<std::string> notes{"receipt 2: the one before it is missing",
                                       "receipt 4: the one before it is missing"};
  const auto expect_noted = [&](const Store& noted) {
    const Verification found = verify(noted.read());
    EXPECT_TRUE(found.is_clean()) << found.problems.front();
    EXPECT_EQ(found.notes, notes);
  };
  expect_noted(store);
  EXPECT_TRUE(verify(store.read()).is_as_migrated);
  store.backup(folder.path("backup.pmk"));
  expect_noted(Store::open(folder.path("backup.pmk")));
  store.compact();
  expect_noted(store);
  EXPECT_EQ(migrate_into(folder.path("upgraded.pmk"), store, 3)->number, kMigrations + 1);
  expect_noted(Store::open(folder.path("upgraded.pmk")));
  const auto receipt = migrate(store, 3);
  EXPECT_EQ(receipt->number, kMigrations + 1);
  std::vector<std::uint32_t> numbers;
  for (const Receipt& each : history(store.read())) numbers.push_back(each.number);
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{2, 4, 5, 6}));
}

}  // namespace
}  // namespace piecemark::migration
