#include "piecemark/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

using ::testing::HasSubstr;

// What a migration reports: "row G1 2 #2: reason", one a line.
class Reports {
 public:
  MigrationOptions options(OnLoss on_loss) {
    return {.on_loss = on_loss, .on_set_aside = [this](const SetAside& entry) {
              text_ += entry.what == SetAside::What::row ? "row " : "identifier ";
              text_ += brief(entry.component) + ": " + entry.reason + "\n";
            }};
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

ContentFingerprint whole_fingerprint(const Store& store) {
  return fingerprint(store.read(), ColumnSet::all());
}

Receipt down(Store& store) {
  return *migrate(store, 1, {.on_loss = OnLoss::stash});
}
Receipt up(Store& store) {
  return *migrate(store, 3);
}

void expect_clean(const Store& store) {
  EXPECT_EQ(verify(store.read()).problems, std::vector<std::string>());
}

class Migration : public ::testing::Test {
 protected:
  // Five G1 on S-101, as in the story.
  void insert_the_story() {
    site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1", "3"), girder(4, "G1", "4"),
                 girder(5, "G1", "5"), girder(6, "B1"), girder(7, "G1", "1", kOtherDrawing));
  }

  Site site_{{}, {.write_older_format = true}};
  Store& store_ = site_.store;
};

TEST_F(Migration, ToTheSameFormatIsNothing) {
  EXPECT_EQ(migrate(store_, 3), std::nullopt);
  EXPECT_EQ(error_of([&] { migrate(store_, 99); }), ErrorCode::no_such_format);
  EXPECT_EQ(error_of([&] { migrate(store_, 0); }), ErrorCode::no_such_format);
  EXPECT_EQ(store_.info().migrations, 0U);
}

TEST_F(Migration, RefusedDowngradeListsEverythingAndChangesNothing) {
  insert_the_story();
  const std::string before = dump(store_);
  Reports reports;
  EXPECT_EQ(error_of([&] { migrate(store_, 1, reports.options(OnLoss::refuse)); }),
            ErrorCode::downgrade_refused);
  EXPECT_EQ(reports.text(),
            "row G1 2 #2: another row of this drawing and mark stays\n"
            "row G1 3 #3: another row of this drawing and mark stays\n"
            "row G1 4 #4: another row of this drawing and mark stays\n"
            "row G1 5 #5: another row of this drawing and mark stays\n"
            "identifier G1 1 #1: format 1 has no instance_identifier\n"
            "identifier G1 1 #7: format 1 has no instance_identifier\n");
  EXPECT_THAT(message_of([&] { migrate(store_, 1); }), HasSubstr("4 rows and 2 instance identifiers"));
  EXPECT_EQ(dump(store_), before);
  EXPECT_EQ(store_.info().format, 3U);
  EXPECT_EQ(store_.info().stash_entries, 0U);
  EXPECT_EQ(store_.info().migrations, 0U);
}

TEST_F(Migration, DowngradeWithoutLossNeedsNoStash) {
  site_.insert(girder(1, "G1"), girder(2, "G2"), girder(3, "G1", {}, std::nullopt),
               girder(4, "G1", {}, std::nullopt));
  const std::string before = dump(store_);
  const Receipt receipt = *migrate(store_, 1);
  EXPECT_EQ(receipt.stashed_rows + receipt.stashed_identifiers, 0U);
  EXPECT_EQ(dump(store_), before);
  EXPECT_EQ(store_.info().stash_entries, 0U);
}

TEST_F(Migration, WhatWasStashedReturns) {
  insert_the_story();
  const std::string before = dump(store_);
  const ContentFingerprint fingerprint_before = whole_fingerprint(store_);

  const Receipt downgrade = down(store_);
  EXPECT_EQ(briefly(store_), "B1 - #6, G1 - #1, G1 - #7");
  EXPECT_EQ(downgrade.stashed_rows, 4U);
  EXPECT_EQ(downgrade.stashed_identifiers, 2U);
  EXPECT_EQ(store_.info().stash_entries, 6U);
  EXPECT_EQ(downgrade.before.components, downgrade.after.components);
  EXPECT_EQ(downgrade.before.extras, downgrade.after.extras);
  expect_clean(store_);

  const Receipt upgrade = up(store_);
  EXPECT_EQ(upgrade.returned_rows, 4U);
  EXPECT_EQ(upgrade.returned_identifiers, 2U);
  EXPECT_EQ(upgrade.left_over, 0U);
  EXPECT_EQ(dump(store_), before);
  EXPECT_EQ(whole_fingerprint(store_), fingerprint_before);
  EXPECT_EQ(store_.info().stash_entries, 0U);
  expect_clean(store_);
}

TEST_F(Migration, EveryBitReturns) {
  Component odd = girder(2, "\U0001F529", "\u00A0");
  odd.component_type = "";
  odd.quantity = std::nullopt;
  odd.location_x = -0.0;
  odd.location_y = std::numeric_limits<double>::quiet_NaN();
  odd.bounding_box = R"({"x":[1,2.50]})";
  odd.confidence_score = 5e-324;
  odd.review_status = std::nullopt;
  odd.created_at = std::nullopt;
  odd.updated_at = std::nullopt;
  Component staying = odd;
  staying.id = numbered(1);
  staying.instance_identifier = "";
  site_.insert(odd, staying);
  const std::string before = dump(store_);
  const ContentFingerprint fingerprint_before = whole_fingerprint(store_);
  down(store_);
  EXPECT_EQ(briefly(store_), "\U0001F529 - #1");
  up(store_);
  EXPECT_EQ(dump(store_), before);
  EXPECT_EQ(whole_fingerprint(store_), fingerprint_before);
}

TEST_F(Migration, RoundsGiveTheSameAgainAndAgain) {
  insert_the_story();
  const std::string before = dump(store_);
  std::string below;
  for (int round = 0; round < 3; ++round) {
    down(store_);
    if (round == 0) below = dump(store_);
    EXPECT_EQ(dump(store_), below);
    up(store_);
    EXPECT_EQ(dump(store_), before);
  }
  EXPECT_EQ(store_.info().stash_entries, 0U);
  EXPECT_EQ(store_.info().migrations, 6U);
}

TEST_F(Migration, IsWrittenIntoTheHistory) {
  insert_the_story();
  const Timestamp start = Timestamp::now();
  const Receipt first = down(store_);
  const Receipt second = up(store_);
  EXPECT_EQ(history(store_.read()), (std::vector<Receipt>{first, second}));
  EXPECT_EQ(first.number, 1U);
  EXPECT_EQ(first.from, 3U);
  EXPECT_EQ(first.to, 1U);
  EXPECT_EQ(first.steps, (std::vector<std::string>{"pack_blocks", "add_instance_identifier"}));
  EXPECT_EQ(first.library_version, kVersion.to_string());
  EXPECT_GE(first.started_at, start);
  EXPECT_EQ(first.before.rows_in_table, 7U);
  EXPECT_EQ(first.after.rows_in_table, 3U);
  EXPECT_EQ(first.after.rows_in_stash, 4U);
  EXPECT_EQ(second.number, 2U);
  EXPECT_EQ(second.before, first.after);
  EXPECT_EQ(second.after, first.before);
  EXPECT_GE(store_.info().migrated_at, start);
  EXPECT_EQ(store_.info().migrated_by, kVersion);
}

TEST_F(Migration, FingerprintOfTheSharedColumnsIsTheSameInBothFormats) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2"));
  const ColumnSet shared = columns_of_format(1);
  const ContentFingerprint before = fingerprint(store_.read(), shared);
  down(store_);
  EXPECT_EQ(fingerprint(store_.read(), shared), before);
  EXPECT_EQ(error_of([] { columns_of_format(99); }), ErrorCode::no_such_format);
}

// What stays of these instances of one mark.
std::string staying_of(const std::vector<Component>& components) {
  Site site;
  for (const Component& component : components) site.insert(component);
  down(site.store);
  return briefly(site.store);
}

Component dated(unsigned id, std::optional<std::string> instance, std::optional<Timestamp> created_at) {
  Component component = girder(id, "G1", std::move(instance));
  component.created_at = created_at;
  return component;
}

TEST(WhoStays, IsTheRowWithoutIdentifier) {
  EXPECT_EQ(staying_of({girder(1, "G1", "1"), girder(2, "G1", ""), girder(3, "G1")}), "G1 - #3");
}

TEST(WhoStays, ElseTheOneWithTheSmallestIdentifierInNaturalOrder) {
  EXPECT_EQ(staying_of({girder(1, "G1", "10"), girder(2, "G1", "2")}), "G1 - #2");
  EXPECT_EQ(staying_of({girder(1, "G1", "A10"), girder(2, "G1", "A9"), girder(3, "G1", "B1")}), "G1 - #2");
  EXPECT_EQ(staying_of({girder(1, "G1", "a"), girder(2, "G1", "2"), girder(3, "G1", "B")}), "G1 - #2");
  EXPECT_EQ(staying_of({girder(1, "G1", "1"), girder(2, "G1", "")}), "G1 - #2");
  EXPECT_EQ(staying_of({girder(1, "G1", "1"), girder(2, "G1", "01")}), "G1 - #2");
  EXPECT_EQ(staying_of({girder(1, "G1", "9999999999"), girder(2, "G1", "999999999")}), "G1 - #2");
}

TEST(WhoStays, ElseTheOldest) {
  EXPECT_EQ(staying_of({dated(1, {}, kTuesday), dated(2, {}, kMonday)}), "G1 - #2");
  EXPECT_EQ(staying_of({dated(1, {}, std::nullopt), dated(2, {}, kTuesday)}), "G1 - #2");
}

TEST(WhoStays, ElseTheOneWithTheSmallestId) {
  EXPECT_EQ(staying_of({dated(2, {}, kMonday), dated(1, {}, kMonday)}), "G1 - #1");
  EXPECT_EQ(staying_of({dated(2, {}, std::nullopt), dated(1, {}, std::nullopt)}), "G1 - #1");
}

TEST(WhoStays, EverybodyWithoutDrawing) {
  EXPECT_EQ(staying_of({girder(1, "G1", "1", std::nullopt), girder(2, "G1", "2", std::nullopt),
                        girder(3, "G1", {}, std::nullopt)}),
            "G1 - #1, G1 - #2, G1 - #3");
}

TEST_F(Migration, ComponentsWithoutDrawingGetTheirIdentifiersBack) {
  site_.insert(girder(1, "G1", "1", std::nullopt), girder(2, "G1", "1", std::nullopt),
               girder(3, "G1", {}, std::nullopt));
  const std::string before = dump(store_);
  const Receipt receipt = down(store_);
  EXPECT_EQ(receipt.stashed_rows, 0U);
  EXPECT_EQ(receipt.stashed_identifiers, 2U);
  up(store_);
  EXPECT_EQ(dump(store_), before);
}

TEST(MigrationNullsNotDistinct, KeepsOneRowOfAMarkWithoutDrawingToo) {
  Site site({.nulls_not_distinct = true}, {.write_older_format = true});
  site.insert(girder(1, "G1", "1", std::nullopt), girder(2, "G1", {}, std::nullopt), girder(3, "G1", "1"),
              girder(4, "G1"));
  const std::string before = dump(site.store);
  const Receipt receipt = down(site.store);
  EXPECT_EQ(receipt.stashed_rows, 2U);
  EXPECT_EQ(briefly(site.store), "G1 - #4, G1 - #2");
  EXPECT_TRUE(site.store.info().nulls_not_distinct);
  EXPECT_EQ(violation_of([&] { site.insert(girder(5, "G1", {}, std::nullopt)); }).constraint,
            "unique_piece_mark_per_drawing");
  up(site.store);
  EXPECT_EQ(dump(site.store), before);
  EXPECT_EQ(violation_of([&] { site.insert(girder(5, "G1", {}, std::nullopt)); }).existing, numbered(2));
  expect_clean(site.store);
}

TEST(MigrationOfAnOldStore, MakesRoomForInstances) {
  Site old({.format = 1}, {.write_older_format = true});
  old.insert(girder(1, "G1"), girder(2, "G2"));
  const std::string before = dump(old.store);
  const ContentFingerprint fingerprint_before = whole_fingerprint(old.store);
  EXPECT_EQ(up(old.store).before.rows_in_table, 2U);
  EXPECT_EQ(dump(old.store), before);
  const std::optional<Receipt> receipt = migrate(old.store, 1);
  EXPECT_EQ(receipt, history(old.store.read()).back()) << "nothing to set aside";
  EXPECT_EQ(whole_fingerprint(old.store), fingerprint_before);
  up(old.store);
  old.insert(girder(3, "G1", "2"), girder(4, "G1"));
  EXPECT_EQ(briefly(old.store), "G1 2 #3, G1 - #1, G1 - #4, G2 - #2");
}

class EditsBetween : public Migration {
 protected:
  // Downgrades, edits, upgrades; what the upgrade reports.
  template <class Edit>
  std::string reports_after(const Edit& edit) {
    down(store_);
    site_.write(edit);
    Reports reports;
    const Receipt receipt = *migrate(store_, 2, reports.options(OnLoss::refuse));
    EXPECT_EQ(receipt.left_over, store_.info().stash_entries);
    expect_clean(store_);
    return reports.text();
  }
};

TEST_F(EditsBetween, OfOtherColumnsAreKeptAndTheIdentifierReturns) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) { txn.update(numbered(1), {.review_status = "approved"}); }), "");
  EXPECT_EQ(briefly(store_), "G1 1 #1, G1 2 #2");
  EXPECT_EQ(store_.read().component_count(), 2U);
  const ReadTxn snapshot = store_.read();
  EXPECT_EQ(snapshot.get(numbered(1))->review_status(), "approved");
}

TEST_F(EditsBetween, ADeletedRowLeavesItsIdentifierOver) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) { txn.erase(numbered(1)); }),
            "identifier G1 1 #1: the component is not there any more\n");
  EXPECT_EQ(briefly(store_), "G1 2 #2");
}

TEST_F(EditsBetween, AChangedMarkLeavesTheIdentifierOver) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2", "2"), girder(3, "G3", "3"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) {
              txn.update(numbered(1), {.piece_mark = "X1"});
              txn.update(numbered(2), {.drawing_id = kOtherDrawing});
            }),
            "identifier G1 1 #1: the component has another piece mark now\n"
            "identifier G2 2 #2: the component lies on another drawing now\n");
  EXPECT_EQ(briefly(store_), "G3 3 #3, X1 - #1, G2 - #2");
}

TEST_F(EditsBetween, ADeletedDrawingLeavesItsRowsOver) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1", "1", kOtherDrawing));
  EXPECT_EQ(reports_after([](WriteTxn& txn) { txn.erase_drawing(kDrawing); }),
            "identifier G1 1 #1: the component is not there any more\n"
            "row G1 2 #2: its drawing is not there any more\n");
  EXPECT_EQ(briefly(store_), "G1 1 #3");
}

TEST_F(EditsBetween, ATakenIdLeavesTheRowOver) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) { txn.insert(girder(2, "new")); }),
            "row G1 2 #2: its id is taken by component " + numbered(2).to_string() + "\n");
  EXPECT_EQ(briefly(store_), "G1 1 #1, new - #2");
}

// A stashed row cannot find its key taken: what has an identifier after the way up had it before the way
// down.
TEST_F(EditsBetween, AnotherRowOfTheSameMarkHasNoIdentifierAndIsNotInTheWay) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) {
              txn.erase(numbered(1));
              txn.insert(girder(3, "G1"));
            }),
            "identifier G1 1 #1: the component is not there any more\n");
  EXPECT_EQ(briefly(store_), "G1 2 #2, G1 - #3");
}

TEST_F(EditsBetween, ARowMadeAnewUnderItsIdAndMarkGetsItsIdentifierBack) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) {
              txn.erase(numbered(1));
              txn.insert(girder(1, "G1"));
            }),
            "");
  EXPECT_EQ(briefly(store_), "G1 1 #1, G1 2 #2");
}

TEST_F(EditsBetween, ADeletedDrawingThatIsBackTakesItsRowsBack) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  EXPECT_EQ(reports_after([](WriteTxn& txn) {
              txn.erase_drawing(kDrawing);
              txn.insert_drawing({.id = kDrawing, .name = "again"});
            }),
            "identifier G1 1 #1: the component is not there any more\n");
  EXPECT_EQ(briefly(store_), "G1 2 #2");
}

TEST_F(EditsBetween, WhatIsLeftOverStaysLeftOver) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"));
  reports_after([](WriteTxn& txn) { txn.erase(numbered(1)); });
  EXPECT_EQ(store_.info().stash_entries, 1U);
  site_.insert(girder(1, "G1"));
  down(store_);
  EXPECT_EQ(briefly(store_), "G1 - #1");
  const Receipt receipt = up(store_);
  EXPECT_EQ(receipt.left_over, 0U);
  EXPECT_EQ(briefly(store_), "G1 2 #2, G1 - #1");
  EXPECT_EQ(store_.info().stash_entries, 1U);
  EXPECT_EQ(verify(store_.read()).stash_entries, 1U);
}

TEST_F(EditsBetween, RoundsWithEditsEachTimeKeepTheProof) {
  insert_the_story();
  for (unsigned round = 0; round < 4; ++round) {
    down(store_);
    site_.write([&](WriteTxn& txn) {
      txn.erase(numbered(1 + round));
      txn.insert(girder(100 + round, "N" + std::to_string(round)));
    });
    const Receipt upgrade = up(store_);
    EXPECT_EQ(upgrade.before.components, upgrade.after.components);
    expect_clean(store_);
  }
  EXPECT_EQ(history(store_.read()).size(), 8U);
}

TEST_F(Migration, IsNoticedByAnotherStoreOfTheSameFile) {
  insert_the_story();
  Store other = Store::open(site_.path);
  const std::string before = dump(other);
  down(store_);
  EXPECT_EQ(other.read().format(), 1U);
  EXPECT_EQ(dump(other), dump(store_));
  EXPECT_EQ(error_of([&] { other.write(); }), ErrorCode::format_too_old);
  up(store_);
  EXPECT_EQ(dump(other), before);
}

TEST_F(Migration, IsRefusedWhileThisThreadWrites) {
  insert_the_story();
  const std::string before = dump(store_);
  const WriteTxn txn = store_.write();
  EXPECT_EQ(error_of([&] { down(store_); }), ErrorCode::busy);
  EXPECT_EQ(dump(store_), before);
}

TEST_F(Migration, AnExceptionFromTheReportLeavesTheFileAsItWas) {
  insert_the_story();
  const std::string before = dump(store_);
  const MigrationOptions options{.on_loss = OnLoss::stash,
                                 .on_set_aside = [](const SetAside&) { throw std::runtime_error("enough"); }};
  EXPECT_THROW(migrate(store_, 1, options), std::runtime_error);
  EXPECT_EQ(dump(store_), before);
  EXPECT_EQ(store_.info().stash_entries, 0U);
  EXPECT_EQ(down(store_).number, 1U);
}

TEST(Formats, AreAChainOfNamedSteps) {
  std::string text;
  for (const FormatInfo& format : known_formats()) {
    text += std::to_string(format.number) + " " + std::string(format.step) + "\n";
  }
  EXPECT_THAT(text, ::testing::StartsWith("1 \n2 add_instance_identifier\n"));
  EXPECT_FALSE(columns_of_format(1).contains(Column::instance_identifier));
  EXPECT_EQ(columns_of_format(2), ColumnSet::all());
}

}  // namespace
}  // namespace piecemark::testing
