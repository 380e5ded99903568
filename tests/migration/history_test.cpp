#include "migration/history.h"

#include <gtest/gtest.h>

#include "engine/environment.h"
#include "index/tables.h"
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

}  // namespace
}  // namespace piecemark::migration
