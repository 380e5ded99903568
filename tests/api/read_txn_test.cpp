#include "piecemark/read_txn.h"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <vector>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

class ReadTxnTest : public ::testing::Test {
 protected:
  Site site_;
};

TEST_F(ReadTxnTest, FindsByIdAndByKey) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1"), girder(4, "G1", ""));
  const ReadTxn snapshot = site_.store.read();
  EXPECT_EQ(brief(*snapshot.get(numbered(2))), "G1 2 #2");
  EXPECT_EQ(brief(*snapshot.find(kDrawing, "G1", "2")), "G1 2 #2");
  EXPECT_EQ(brief(*snapshot.find(kDrawing, "G1", std::nullopt)), "G1 - #3");
  EXPECT_EQ(brief(*snapshot.find(kDrawing, "G1", "")), "G1  #4");
}

TEST_F(ReadTxnTest, AbsenceIsAnAnswer) {
  site_.insert(girder(1, "G1", "1"));
  const ReadTxn snapshot = site_.store.read();
  EXPECT_FALSE(snapshot.get(numbered(2)));
  EXPECT_FALSE(snapshot.find(kDrawing, "G1", "2"));
  EXPECT_FALSE(snapshot.find(kDrawing, "G1", std::nullopt));
  EXPECT_FALSE(snapshot.find(kDrawing, "g1", "1"));
  EXPECT_FALSE(snapshot.find(kDrawing, "G", "1"));
  EXPECT_FALSE(snapshot.find(kDrawing, "", std::nullopt));
  EXPECT_FALSE(snapshot.find(kOtherDrawing, "G1", "1"));
  EXPECT_FALSE(snapshot.find(std::nullopt, "G1", "1"));
  EXPECT_FALSE(snapshot.drawing(numbered(1)));
  EXPECT_EQ(briefly(snapshot.in_drawing(numbered(9))), "");
  EXPECT_EQ(briefly(snapshot.instances(kDrawing, "G2")), "");
}

TEST_F(ReadTxnTest, ATextThatNoColumnHoldsIsNotFound) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2"));
  const ReadTxn snapshot = site_.store.read();
  for (const std::size_t size : {51U, 600U, 100'000U}) {
    EXPECT_FALSE(snapshot.find(kDrawing, std::string(size, 'x'), "1"));
    EXPECT_FALSE(snapshot.find(kDrawing, "G1", std::string(size, 'x')));
    EXPECT_FALSE(snapshot.find(std::nullopt, "G1", std::string(size, 'x')));
    EXPECT_EQ(briefly(snapshot.instances(kDrawing, std::string(size, 'x'))), "");
    EXPECT_EQ(snapshot.next_instance_identifier(kDrawing, std::string(size, 'x')), "1");
  }
}

TEST_F(ReadTxnTest, AMarkWithU0000IsNotFound) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2"));
  const ReadTxn snapshot = site_.store.read();
  // The bytes of a key in the index: they must not be taken for a mark.
  EXPECT_EQ(briefly(snapshot.instances(kDrawing, std::string_view("G1\0\x01"
                                                                  "1",
                                                                  5))),
            "");
  EXPECT_EQ(briefly(snapshot.instances(kDrawing, std::string_view("G2\0\x02", 4))), "");
}

TEST_F(ReadTxnTest, MarksCompareByteByByte) {
  const std::vector<std::string> marks{"",   " ",   "G",        "G1",      "G1 ",    "G10",
                                       "g1", "G1.", "G1\u00A0", "G\u0301", "\u01F4", "G1\x01"};
  unsigned id = 0;
  for (const std::string& mark : marks) site_.insert(girder(++id, mark, "1"));
  const ReadTxn snapshot = site_.store.read();
  id = 0;
  for (const std::string& mark : marks) {
    EXPECT_EQ(briefly(snapshot.instances(kDrawing, mark)), mark + " 1 #" + std::to_string(++id));
  }
  EXPECT_EQ(briefly(snapshot.sorted(kDrawing)),
            " 1 #1,   1 #2, G 1 #3, G1 1 #4, G1\x01 1 #12, G1  1 #5, G1. 1 #8, G10 1 #6, G1\u00A0 1 #9, "
            "G\u0301 1 #10, g1 1 #7, \u01F4 1 #11");
}

TEST_F(ReadTxnTest, SortedRangesAreInOrderWithNullLast) {
  site_.insert(girder(9, "G2", {}, std::nullopt), girder(8, "G1", "1", std::nullopt),
               girder(7, "G1", {}, kOtherDrawing), girder(6, "G1"), girder(5, "G1"), girder(4, "G1", "2"),
               girder(3, "G1", "10"), girder(2, "G1", ""), girder(1, "B1"));
  const ReadTxn snapshot = site_.store.read();
  EXPECT_EQ(briefly(snapshot.sorted(kDrawing, "G1")), "G1  #2, G1 10 #3, G1 2 #4, G1 - #5, G1 - #6");
  EXPECT_EQ(briefly(snapshot.sorted(kDrawing)), "B1 - #1, G1  #2, G1 10 #3, G1 2 #4, G1 - #5, G1 - #6");
  EXPECT_EQ(briefly(snapshot.sorted(std::nullopt)), "G1 1 #8, G2 - #9");
  const auto count = [](ComponentRange range) { return std::ranges::distance(range.begin(), range.end()); };
  EXPECT_EQ(count(snapshot.instances(kDrawing, "G1")), 5);
  EXPECT_EQ(count(snapshot.in_drawing(kDrawing)), 6);
  EXPECT_EQ(count(snapshot.in_drawing(std::nullopt)), 2);
  EXPECT_EQ(briefly(snapshot.sorted()),
            "B1 - #1, G1  #2, G1 10 #3, G1 2 #4, G1 - #5, G1 - #6, G1 - #7, G1 1 #8, G2 - #9");
}

TEST_F(ReadTxnTest, WithKeyGivesAllThatNullsAllowAndFindTheSmallestId) {
  site_.insert(girder(3, "G1"), girder(2, "G1"), girder(5, "G1", "1", std::nullopt),
               girder(4, "G1", "1", std::nullopt), girder(1, "G1", "1"));
  const ReadTxn snapshot = site_.store.read();
  EXPECT_EQ(briefly(snapshot.with_key(kDrawing, "G1", std::nullopt)), "G1 - #2, G1 - #3");
  EXPECT_EQ(brief(*snapshot.find(kDrawing, "G1", std::nullopt)), "G1 - #2");
  EXPECT_EQ(briefly(snapshot.with_key(std::nullopt, "G1", "1")), "G1 1 #4, G1 1 #5");
  EXPECT_EQ(brief(*snapshot.find(std::nullopt, "G1", "1")), "G1 1 #4");
  EXPECT_EQ(briefly(snapshot.with_key(kDrawing, "G1", "1")), "G1 1 #1");
}

// Every call that gives a range.
std::vector<ComponentRange> every_range(const ReadTxn& snapshot) {
  std::vector<ComponentRange> ranges;
  ranges.push_back(snapshot.with_key(kDrawing, "G1", std::nullopt));
  ranges.push_back(snapshot.instances(kDrawing, "G1"));
  ranges.push_back(snapshot.in_drawing(kDrawing));
  ranges.push_back(snapshot.scan());
  ranges.push_back(snapshot.sorted());
  ranges.push_back(snapshot.sorted(kDrawing));
  ranges.push_back(snapshot.sorted(kDrawing, "G1"));
  return ranges;
}

TEST_F(ReadTxnTest, BeginAgainIsTheElementAtHand) {
  site_.insert(girder(1, "G1"), girder(2, "G1"), girder(3, "G1"));
  const ReadTxn snapshot = site_.store.read();
  for (ComponentRange& range : every_range(snapshot)) {
    EXPECT_NE(range.begin(), range.end());
    EXPECT_EQ(brief(*range.begin()), "G1 - #1");
    ++range.begin();
    EXPECT_EQ(brief(*range.begin()), "G1 - #2");
    EXPECT_EQ(briefly(range), "G1 - #2, G1 - #3") << "goes on where it is";
    EXPECT_EQ(range.begin(), range.end());
    EXPECT_EQ(range.begin(), range.end());
  }
}

TEST_F(ReadTxnTest, MovedRangeGoesOnAndWhatWasMovedFromIsRefused) {
  site_.insert(girder(1, "G1"), girder(2, "G1"));
  const ReadTxn snapshot = site_.store.read();
  for (ComponentRange& range : every_range(snapshot)) {
    ++range.begin();
    ComponentRange::iterator left_behind = range.begin();
    ComponentRange moved = std::move(range);
    EXPECT_EQ(error_of([&] { range.begin(); }), ErrorCode::invalid_use);
    EXPECT_EQ(error_of([&] { ++left_behind; }), ErrorCode::invalid_use);
    EXPECT_EQ(briefly(moved), "G1 - #2");
    range = std::move(moved);
    EXPECT_EQ(range.begin(), range.end());
  }
}

TEST_F(ReadTxnTest, MovedFromIsRefusedByEveryCall) {
  site_.insert(girder(1, "G1"));
  ReadTxn from = site_.store.read();
  ReadTxn snapshot = std::move(from);
  const std::vector<std::function<void()>> calls{
      [&] { static_cast<void>(from.get(numbered(1))); },
      [&] { static_cast<void>(from.find(kDrawing, "G1", std::nullopt)); },
      [&] { every_range(from); },
      [&] { from.with_key(kDrawing, "G1", std::nullopt); },
      [&] { from.instances(kDrawing, "G1"); },
      [&] { from.in_drawing(kDrawing); },
      [&] { from.scan(); },
      [&] { from.sorted(); },
      [&] { from.sorted(kDrawing); },
      [&] { from.sorted(kDrawing, "G1"); },
      [&] { from.drawing(kDrawing); },
      [&] { from.drawings(); },
      [&] { from.component_count(); },
      [&] { from.drawing_count(); },
      [&] { from.next_instance_identifier(kDrawing, "G1"); },
      [&] { from.format(); },
      [&] { for_each_stash_entry(from, [](const StashEntry&) {}); },
      [&] { history(from); },
      [&] { fingerprint(from, columns_of_format(1)); },
      [&] { verify(from); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i)
    EXPECT_EQ(error_of(calls[i]), ErrorCode::invalid_use) << "call " << i;
  EXPECT_EQ(briefly(snapshot.scan()), "G1 - #1");
  from = std::move(snapshot);
  EXPECT_EQ(briefly(from.scan()), "G1 - #1");
}

TEST_F(ReadTxnTest, ViewsOutliveTheirRange) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2", "2"));
  const ReadTxn snapshot = site_.store.read();
  std::vector<ComponentView> views;
  for (const ComponentView& view : snapshot.sorted()) views.push_back(view);
  EXPECT_EQ(briefly(views), "G1 1 #1, G2 2 #2");
}

TEST_F(ReadTxnTest, CopiesOutliveTheTransaction) {
  site_.insert(girder(1, "G1", "1"));
  std::optional<Component> copy;
  {
    const ReadTxn snapshot = site_.store.read();
    copy = snapshot.get(numbered(1))->to_component();
  }
  EXPECT_EQ(copy, girder(1, "G1", "1"));
}

TEST_F(ReadTxnTest, KeepsItsStateWhileOthersCommit) {
  site_.insert(girder(1, "G1", "1"));
  const ReadTxn snapshot = site_.store.read();
  const std::string before = dump(snapshot);
  const std::optional<ComponentView> view = snapshot.get(numbered(1));
  for (unsigned i = 0; i < 50; ++i) {
    site_.write([&](WriteTxn& txn) {
      txn.update(numbered(1), {.piece_mark = "X" + std::to_string(i), .material_type = std::string(90, 'x')});
      txn.insert(girder(100 + i, "N", std::to_string(i)));
    });
  }
  site_.write([](WriteTxn& txn) { txn.erase_drawing(kDrawing); });
  EXPECT_EQ(dump(snapshot), before);
  EXPECT_EQ(brief(*view), "G1 1 #1");
  EXPECT_EQ(snapshot.component_count(), 1U);
  EXPECT_EQ(snapshot.drawing_count(), 2U);
  EXPECT_EQ(briefly(site_.store), "");
}

TEST_F(ReadTxnTest, KeepsItsStateThroughAMigration) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  const ReadTxn snapshot = site_.store.read();
  const std::string before = dump(snapshot);
  migrate(site_.store, 1, {.on_loss = OnLoss::stash});
  EXPECT_EQ(dump(snapshot), before);
  EXPECT_EQ(snapshot.format(), 3U);
  EXPECT_EQ(briefly(site_.store), "G1 - #1");
}

TEST_F(ReadTxnTest, DrawingsAreInTheOrderOfTheirIds) {
  site_.write([](WriteTxn& txn) {
    txn.insert_drawing({.id = numbered(2), .name = std::nullopt});
    txn.insert_drawing({.id = numbered(1), .name = ""});
  });
  const ReadTxn snapshot = site_.store.read();
  EXPECT_EQ(snapshot.drawings(),
            (std::vector<Drawing>{
                {numbered(1), ""}, {numbered(2), {}}, {kDrawing, "S-101"}, {kOtherDrawing, "S-102"}}));
  EXPECT_EQ(snapshot.drawing(numbered(2)), (Drawing{numbered(2), std::nullopt}));
  EXPECT_EQ(snapshot.drawing_count(), 4U);
}

TEST_F(ReadTxnTest, AMovedSnapshotIsTheSame) {
  site_.insert(girder(1, "G1"));
  ReadTxn first = site_.store.read();
  site_.insert(girder(2, "G2"));
  ReadTxn second = std::move(first);
  EXPECT_EQ(briefly(second.scan()), "G1 - #1");
  second = site_.store.read();
  EXPECT_EQ(briefly(second.sorted()), "G1 - #1, G2 - #2");
}

// The next identifier of mark G1 when these are there.
std::string next_after(const std::vector<std::optional<std::string>>& instances) {
  Site site;
  unsigned id = 0;
  for (const auto& instance : instances) site.insert(girder(++id, "G1", instance));
  site.insert(girder(100, "G10", "1"), girder(101, "G1", "1", kOtherDrawing));
  const WriteTxn txn = site.store.write();
  const ReadTxn snapshot = site.store.read();
  const std::string next = snapshot.next_instance_identifier(kDrawing, "G1");
  EXPECT_EQ(txn.next_instance_identifier(kDrawing, "G1"), next);
  return next;
}

TEST(NextInstanceIdentifier, IsTheSmallestPositiveNumberThatIsFree) {
  EXPECT_EQ(next_after({}), "1");
  EXPECT_EQ(next_after({"1", "2", "3", "4", "5"}), "6");
  EXPECT_EQ(next_after({"1", "3", "10"}), "2");
  EXPECT_EQ(next_after({"2", "3"}), "1");
  EXPECT_EQ(next_after({"1", "2", "3", "4", "5", "6", "7", "8", "9"}), "10");
}

TEST(NextInstanceIdentifier, PassesOverWhatIsNoNumber) {
  EXPECT_EQ(next_after({std::nullopt, std::nullopt}), "1");
  EXPECT_EQ(next_after({"01", "0", "", " 1", "1 ", "+1", "-1", "1a", "A", "1.0"}), "1");
  EXPECT_EQ(next_after({"1", "02", "9999999999"}), "2");
  EXPECT_EQ(next_after({std::nullopt, "1", "\U0001F529"}), "2");
}

}  // namespace
}  // namespace piecemark::testing
