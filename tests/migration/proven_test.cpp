// As long as nothing was written since the last migration, verify holds the content against its receipt.
#include <gtest/gtest.h>

#include "engine/environment.h"
#include "index/components.h"
#include "migration/proven.h"
#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

class ProvenTest : public ::testing::Test {
 protected:
  ProvenTest() {
    site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "B1"));
    migrate(store_, 1, {.on_loss = OnLoss::stash});
  }

  bool is_as_migrated() const {
    const Verification result = verify(store_.read());
    EXPECT_EQ(result.problems, std::vector<std::string>());
    return result.is_as_migrated;
  }
  // What a write that goes past the library, or forgets to take the mark away, is found out by.
  template <class Change>
  std::string problem_after(const Change& change) {
    const auto environment = engine::Environment::open(store_.path(), index::kTables, {});
    engine::WriteTransaction transaction = environment->begin_write();
    change(transaction, index::Components(*index::format_numbered(1), false, *environment));
    transaction.commit();
    const Verification result = verify(store_.read());
    EXPECT_FALSE(result.is_as_migrated);
    return result.problems.empty() ? "" : result.problems.front();
  }

  Site site_{{}, {.write_older_format = true}};
  Store& store_ = site_.store;
};

constexpr const char* kAnotherFingerprint =
    "receipt 1: nothing was written since, but the content has another fingerprint";

TEST_F(ProvenTest, HoldsUntilTheFirstChange) {
  EXPECT_TRUE(is_as_migrated());
  store_.write().commit();
  site_.write([](WriteTxn& txn) { EXPECT_EQ(txn.component_count(), 2U); });
  EXPECT_TRUE(is_as_migrated()) << "reading changes nothing";
  {
    WriteTxn given_up = store_.write();
    given_up.erase(numbered(3));
  }
  EXPECT_TRUE(is_as_migrated()) << "nor does what is rolled back";
  site_.write([](WriteTxn& txn) {
    txn.try_insert(girder(3, "N1"));
    EXPECT_FALSE(txn.erase(numbered(7)));
  });
  EXPECT_TRUE(is_as_migrated()) << "nor does what is refused, or finds nothing";
  site_.write([](WriteTxn& txn) { txn.update(numbered(3), {.quantity = 7}); });
  EXPECT_FALSE(is_as_migrated());
  migrate(store_, 2);
  EXPECT_TRUE(is_as_migrated());
}

TEST_F(ProvenTest, EndsWithEveryKindOfChange) {
  const std::vector<std::function<void(WriteTxn&)>> changes{
      [](WriteTxn& txn) { txn.insert(girder(9, "N1")); },
      [](WriteTxn& txn) { txn.try_insert(girder(8, "N3")); },
      [](WriteTxn& txn) { txn.insert_columns({.piece_mark = "N2"}); },
      [](WriteTxn& txn) { txn.erase(numbered(3)); },
      [](WriteTxn& txn) { txn.insert_drawing({.name = "new"}); },
      [](WriteTxn& txn) { txn.update_drawing(kDrawing, {.name = "renamed"}); },
      [](WriteTxn& txn) { txn.erase_drawing(kOtherDrawing); },
  };
  for (const auto& change : changes) {
    migrate(store_, 2);
    migrate(store_, 1, {.on_loss = OnLoss::stash});
    ASSERT_TRUE(is_as_migrated());
    site_.write(change);
    EXPECT_FALSE(is_as_migrated());
  }
}

TEST_F(ProvenTest, EndsWhenTheStashIsDropped) {
  drop_stash(store_, DropStash::left_over);
  EXPECT_TRUE(is_as_migrated()) << "nothing is left over";
  const DroppedStash dropped = drop_stash(store_, DropStash::everything);
  EXPECT_EQ(dropped.rows, 1U);
  EXPECT_EQ(dropped.identifiers, 1U);
  EXPECT_EQ(store_.info().stash_entries, 0U);
  EXPECT_FALSE(is_as_migrated());
}

TEST_F(ProvenTest, ChangedValueIsFound) {
  EXPECT_EQ(problem_after([](engine::WriteTransaction& transaction, const index::Components& components) {
              Component before = to_component(*components.layout().get(transaction, numbered(3)));
              Component after = before;
              after.quantity = 99;
              const auto writer = components.layout().writer(transaction);
              writer->replace(row_of(before), row_of(after));
              writer->flush();
            }),
            kAnotherFingerprint);
}

TEST_F(ProvenTest, LostRowIsFound) {
  EXPECT_EQ(problem_after([](engine::WriteTransaction& transaction, const index::Components& components) {
              const Component row = to_component(*components.layout().get(transaction, numbered(3)));
              const auto writer = components.layout().writer(transaction);
              writer->erase(row_of(row));
              writer->flush();
            }),
            kAnotherFingerprint);
}

TEST_F(ProvenTest, LostStashIsFound) {
  EXPECT_EQ(problem_after([](engine::WriteTransaction& transaction, const index::Components&) {
              transaction.clear(index::table(*transaction.environment(), index::TableId::stash));
            }),
            kAnotherFingerprint);
}

TEST_F(ProvenTest, MarkWithoutItsReceiptIsNoted) {
  EXPECT_EQ(problem_after([](engine::WriteTransaction& transaction, const index::Components&) {
              migration::mark_proven(transaction, 2);
            }),
            "");
  EXPECT_EQ(
      verify(store_.read()).notes,
      std::vector<std::string>{"the mark of the last migration names receipt 2, which is not the last one"});
}

}  // namespace
}  // namespace piecemark::testing
