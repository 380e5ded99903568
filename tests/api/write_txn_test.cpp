#include "piecemark/write_txn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

using ::testing::HasSubstr;

// What the transaction sees, drawings and all.
std::string seen_by(const WriteTxn& txn) {
  std::string text;
  for (const Drawing& drawing : txn.drawings()) {
    text += drawing.name.value_or("-") + ": ";
    text += briefly(txn.in_drawing(drawing.id)) + "\n";
  }
  return text + "-: " + briefly(txn.in_drawing(std::nullopt));
}

class WriteTxnTest : public ::testing::Test {
 protected:
  Site site_;
};

TEST_F(WriteTxnTest, ReadsWhatItHasWrittenAndOthersDoNot) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2"));
  const std::string before = dump(site_.store);
  WriteTxn txn = site_.store.write();
  txn.insert(girder(3, "G1", "2"));
  txn.update(numbered(1), {.instance_identifier = "9"});
  txn.erase(numbered(2));
  txn.erase_drawing(kOtherDrawing);
  EXPECT_EQ(seen_by(txn), "S-101: G1 2 #3, G1 9 #1\n-: ");
  EXPECT_EQ(brief(*txn.get(numbered(3))), "G1 2 #3");
  EXPECT_EQ(brief(*txn.find(kDrawing, "G1", "9")), "G1 9 #1");
  EXPECT_FALSE(txn.find(kDrawing, "G1", "1"));
  EXPECT_EQ(briefly(txn.instances(kDrawing, "G1")), "G1 2 #3, G1 9 #1");
  EXPECT_EQ(briefly(txn.with_key(kDrawing, "G1", "2")), "G1 2 #3");
  EXPECT_FALSE(txn.drawing(kOtherDrawing));
  EXPECT_EQ(txn.component_count(), 2U);
  EXPECT_EQ(txn.drawing_count(), 1U);
  EXPECT_EQ(txn.next_instance_identifier(kDrawing, "G1"), "1");
  EXPECT_EQ(dump(site_.store), before);
  txn.commit();
  EXPECT_EQ(briefly(site_.store), "G1 2 #3, G1 9 #1");
}

TEST_F(WriteTxnTest, RollbackOrDestructionLeavesNothing) {
  site_.insert(girder(1, "G1"));
  const std::string before = dump(site_.store);
  WriteTxn txn = site_.store.write();
  txn.insert(girder(2, "G2"));
  txn.erase_drawing(kDrawing);
  txn.rollback();
  EXPECT_EQ(dump(site_.store), before);
  {
    WriteTxn forgotten = site_.store.write();
    forgotten.erase(numbered(1));
  }
  EXPECT_EQ(dump(site_.store), before);
}

TEST_F(WriteTxnTest, EndsOnce) {
  WriteTxn txn = site_.store.write();
  txn.commit();
  EXPECT_EQ(error_of([&] { txn.commit(); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { txn.rollback(); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { txn.insert(girder(1, "G1")); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { std::ignore = txn.component_count(); }), ErrorCode::invalid_use);
  WriteTxn other = site_.store.write();
  other.rollback();
  EXPECT_EQ(error_of([&] { other.commit(); }), ErrorCode::invalid_use);
}

TEST_F(WriteTxnTest, AssignmentRollsBackTheOneThatWasThere) {
  WriteTxn txn = site_.store.write();
  txn.insert(girder(1, "G1"));
  WriteTxn moved = std::move(txn);
  EXPECT_EQ(error_of([&] { txn.insert(girder(2, "G2")); }),
            ErrorCode::invalid_use);  // NOLINT(*-use-after-move)
  moved.rollback();
  moved = site_.store.write();
  moved.insert(girder(3, "G3"));
  moved.commit();
  EXPECT_EQ(briefly(site_.store), "G3 - #3");
}

TEST_F(WriteTxnTest, MovedFromIsRefusedByEveryCall) {
  WriteTxn from = site_.store.write();
  const WriteTxn txn = std::move(from);
  const std::vector<std::function<void()>> calls{
      [&] { from.insert(girder(1, "G1")); },
      [&] { from.try_insert(girder(1, "G1")); },
      [&] { from.insert_columns({}); },
      [&] { from.upsert({}, OnConflict::update); },
      [&] { from.update(numbered(1), {}); },
      [&] { from.erase(numbered(1)); },
      [&] { from.insert_drawing({}); },
      [&] { from.erase_drawing(kDrawing); },
      [&] { from.get(numbered(1)); },
      [&] { from.find(kDrawing, "G1", std::nullopt); },
      [&] { from.with_key(kDrawing, "G1", std::nullopt); },
      [&] { from.instances(kDrawing, "G1"); },
      [&] { from.in_drawing(kDrawing); },
      [&] { from.drawing(kDrawing); },
      [&] { from.drawings(); },
      [&] { from.component_count(); },
      [&] { from.drawing_count(); },
      [&] { from.next_instance_identifier(kDrawing, "G1"); },
      [&] { from.commit(); },
      [&] { from.rollback(); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i)
    EXPECT_EQ(error_of(calls[i]), ErrorCode::invalid_use) << "call " << i;
}

TEST_F(WriteTxnTest, TryInsertReturnsTheRowInTheWay) {
  site_.insert(girder(1, "G1", "1"));
  site_.write([](WriteTxn& txn) {
    EXPECT_EQ(std::get<Uuid>(txn.try_insert(girder(2, "G1", "2"))), numbered(2));
    const auto same_key = std::get<Violation>(txn.try_insert(girder(3, "G1", "1")));
    EXPECT_EQ(same_key.constraint, "unique_piece_mark_instance_per_drawing");
    EXPECT_EQ(same_key.existing, numbered(1));
    const auto same_id = std::get<Violation>(txn.try_insert(girder(1, "G1", "1")));
    EXPECT_EQ(same_id.constraint, "components_pkey");
    EXPECT_EQ(same_id.existing, numbered(1));
    EXPECT_EQ(error_of([&] { std::ignore = txn.try_insert(girder(4, "G1", "4", numbered(9))); }),
              ErrorCode::foreign_key_violation);
  });
  EXPECT_EQ(briefly(site_.store), "G1 1 #1, G1 2 #2");
}

TEST_F(WriteTxnTest, UpsertInsertsSkipsOrUpdates) {
  using Outcome = Upserted::Outcome;
  const ComponentColumns columns{.id = numbered(2),
                                 .drawing_id = kDrawing,
                                 .piece_mark = "G1",
                                 .instance_identifier = "1",
                                 .material_type = "S355JR"};
  Component there = girder(1, "G1", "1");
  there.quantity = 7;
  site_.insert(there);
  WriteTxn txn = site_.store.write();
  EXPECT_EQ(error_of([&] { txn.upsert(columns, OnConflict::fail); }), ErrorCode::unique_violation);
  const Upserted skipped = txn.upsert(columns, OnConflict::skip);
  EXPECT_EQ(skipped.outcome, Outcome::skipped);
  EXPECT_EQ(skipped.id, numbered(1));
  EXPECT_EQ(txn.get(numbered(1)), there);

  const Upserted updated = txn.upsert(columns, OnConflict::update);
  EXPECT_EQ(updated.outcome, Outcome::updated);
  EXPECT_EQ(updated.id, numbered(1));
  Component expected = there;
  expected.material_type = "S355JR";
  expected.updated_at = txn.get(numbered(1))->updated_at;
  EXPECT_GT(expected.updated_at, there.updated_at);
  EXPECT_EQ(txn.get(numbered(1)), expected) << "columns that were not given keep their values";

  const Upserted inserted = txn.upsert({.drawing_id = kDrawing, .piece_mark = "G2"}, OnConflict::update);
  EXPECT_EQ(inserted.outcome, Outcome::inserted);
  EXPECT_EQ(txn.get(inserted.id)->piece_mark, "G2");
  EXPECT_EQ(txn.component_count(), 2U);
}

TEST_F(WriteTxnTest, UpsertOfNewerTakesTheLaterUpdate) {
  using Outcome = Upserted::Outcome;
  constexpr Timestamp kOld{1'000'000};
  constexpr Timestamp kNew{2'000'000};
  struct Case {
    std::optional<Timestamp> there;
    ColumnValue<Timestamp> incoming;
    Outcome outcome;
  };
  for (const auto& [there, incoming, outcome] : std::initializer_list<Case>{
           {kOld, kNew, Outcome::updated},
           {kNew, kOld, Outcome::skipped},
           {kOld, kOld, Outcome::skipped},
           {std::nullopt, Timestamp{-62'135'596'800'000'000}, Outcome::updated},
           {kOld, std::nullopt, Outcome::skipped},
           {std::nullopt, std::nullopt, Outcome::skipped},
           {kOld, {}, Outcome::updated},  // that of now
       }) {
    Component component = girder(1, "G1", "1");
    component.updated_at = there;
    WriteTxn txn = site_.store.write();
    txn.insert(component);
    const Upserted upserted = txn.upsert({.id = numbered(1),
                                          .drawing_id = kDrawing,
                                          .piece_mark = "G1",
                                          .instance_identifier = "1",
                                          .quantity = 9,
                                          .updated_at = incoming},
                                         OnConflict::newer);
    EXPECT_EQ(upserted.outcome, outcome);
    EXPECT_EQ(txn.get(numbered(1))->quantity, outcome == Outcome::updated ? 9 : component.quantity);
    if (incoming.is_given() && outcome == Outcome::updated) {
      EXPECT_EQ(txn.get(numbered(1))->updated_at, incoming.value());
    }
  }
  WriteTxn txn = site_.store.write();
  EXPECT_EQ(txn.upsert({.drawing_id = kDrawing, .piece_mark = "G2"}, OnConflict::newer).outcome,
            Outcome::inserted);
}

TEST_F(WriteTxnTest, UpdateDrawingSetsWhatIsGiven) {
  site_.insert(girder(1, "G1", "1"));
  WriteTxn txn = site_.store.write();
  EXPECT_TRUE(txn.update_drawing(kDrawing, {.name = "renamed"}));
  EXPECT_EQ(txn.drawing(kDrawing)->name, "renamed");
  EXPECT_TRUE(txn.update_drawing(kDrawing, {}));
  EXPECT_EQ(txn.drawing(kDrawing)->name, "renamed");
  EXPECT_TRUE(txn.update_drawing(kDrawing, {.id = kDrawing, .name = std::nullopt}));
  EXPECT_EQ(txn.drawing(kDrawing)->name, std::nullopt);
  EXPECT_FALSE(txn.update_drawing(numbered(77), {.name = "no such drawing"}));
  const std::uint64_t drawings = txn.drawing_count();

  // One with components keeps its id.
  const Violation kept = violation_of([&] { txn.update_drawing(kDrawing, {.id = numbered(78)}); });
  EXPECT_EQ(kept.code, ErrorCode::foreign_key_violation);
  EXPECT_EQ(kept.constraint, "components_drawing_id_fkey");
  EXPECT_EQ(violation_of([&] { txn.update_drawing(kDrawing, {.id = std::nullopt}); }).code,
            ErrorCode::not_null_violation);
  const Uuid empty = txn.insert_drawing({.name = "empty"});
  EXPECT_EQ(violation_of([&] { txn.update_drawing(empty, {.id = kDrawing}); }).constraint, "drawings_pkey");
  EXPECT_TRUE(txn.update_drawing(empty, {.id = numbered(78)}));
  EXPECT_EQ(txn.drawing(empty), std::nullopt);
  EXPECT_EQ(txn.drawing(numbered(78))->name, "empty");
  EXPECT_EQ(txn.drawing_count(), drawings + 1);
  // The old id is no drawing any more, also for rows of which it was the last one to be looked up.
  txn.insert({.drawing_id = numbered(78), .piece_mark = "G2"});
  txn.erase(txn.find(numbered(78), "G2", std::nullopt)->id);
  EXPECT_TRUE(txn.update_drawing(numbered(78), {.id = empty}));
  EXPECT_EQ(violation_of([&] { txn.insert({.drawing_id = numbered(78), .piece_mark = "G3"}); }).code,
            ErrorCode::foreign_key_violation);
  EXPECT_EQ(violation_of([&] { txn.update_drawing(empty, {.name = "\xFF"}); }).code,
            ErrorCode::character_not_in_repertoire);
}

TEST_F(WriteTxnTest, UpsertByIdMovesTheRowUnlessItsNewKeyIsTaken) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2", "2"));
  WriteTxn txn = site_.store.write();
  EXPECT_EQ(txn.upsert({.id = numbered(1), .piece_mark = "G3"}, OnConflict::update).id, numbered(1));
  EXPECT_EQ(seen_by(txn), "S-101: G2 2 #2, G3 1 #1\nS-102: \n-: ");
  const ComponentColumns onto_the_other{
      .id = numbered(1), .drawing_id = kDrawing, .piece_mark = "G2", .instance_identifier = "2"};
  EXPECT_EQ(violation_of([&] { txn.upsert(onto_the_other, OnConflict::update); }).existing, numbered(2));
  EXPECT_EQ(seen_by(txn), "S-101: G2 2 #2, G3 1 #1\nS-102: \n-: ");
}

TEST_F(WriteTxnTest, UpdateSetsWhatIsGiven) {
  Component component = girder(1, "G1", "1");
  component.bounding_box = "[1,2]";
  component.confidence_score = 0.5;
  site_.insert(component);
  WriteTxn txn = site_.store.write();
  EXPECT_TRUE(txn.update(numbered(1), {.quantity = std::nullopt,
                                       .location_x = 2.5,
                                       .bounding_box = std::nullopt,
                                       .review_status = "approved",
                                       .updated_at = kTuesday}));
  component.quantity = std::nullopt;
  component.location_x = 2.5;
  component.bounding_box = std::nullopt;
  component.review_status = "approved";
  component.updated_at = kTuesday;
  EXPECT_EQ(txn.get(numbered(1)), component);
}

TEST_F(WriteTxnTest, UpdateSetsUpdatedAtUnlessItIsGiven) {
  site_.insert(girder(1, "G1"));
  const Timestamp before = Timestamp::now();
  WriteTxn txn = site_.store.write();
  EXPECT_TRUE(txn.update(numbered(1), {}));
  EXPECT_GE(txn.get(numbered(1))->updated_at, before);
  EXPECT_EQ(txn.get(numbered(1))->created_at, kMonday);
  EXPECT_TRUE(txn.update(numbered(1), {.updated_at = std::nullopt}));
  EXPECT_EQ(txn.get(numbered(1))->updated_at, std::nullopt);
  EXPECT_FALSE(txn.update(numbered(2), {.quantity = 2}));
}

TEST_F(WriteTxnTest, UpdateMovesARowToAnotherKeyDrawingOrId) {
  site_.insert(girder(1, "G1", "1"));
  WriteTxn txn = site_.store.write();
  txn.update(numbered(1), {.id = numbered(2)});
  EXPECT_EQ(seen_by(txn), "S-101: G1 1 #2\nS-102: \n-: ");
  EXPECT_FALSE(txn.get(numbered(1)));
  txn.update(numbered(2), {.drawing_id = kOtherDrawing});
  EXPECT_EQ(seen_by(txn), "S-101: \nS-102: G1 1 #2\n-: ");
  txn.update(numbered(2), {.drawing_id = std::nullopt, .instance_identifier = std::nullopt});
  EXPECT_EQ(seen_by(txn), "S-101: \nS-102: \n-: G1 - #2");
  txn.update(numbered(2),
             {.id = numbered(1), .drawing_id = kDrawing, .piece_mark = "", .instance_identifier = ""});
  EXPECT_EQ(seen_by(txn), "S-101:   #1\nS-102: \n-: ");
  txn.commit();
  EXPECT_EQ(verify(site_.store.read()).problem_count, 0U);
}

TEST_F(WriteTxnTest, EraseFreesIdAndKey) {
  site_.insert(girder(1, "G1", "1"));
  WriteTxn txn = site_.store.write();
  EXPECT_TRUE(txn.erase(numbered(1)));
  EXPECT_FALSE(txn.erase(numbered(1)));
  txn.insert(girder(2, "G1", "1"));
  txn.insert(girder(1, "G1", "2"));
  EXPECT_EQ(briefly(txn.in_drawing(kDrawing)), "G1 1 #2, G1 2 #1");
}

TEST_F(WriteTxnTest, EraseDrawingTakesItsComponentsAndNoOthers) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G1"), girder(3, "G1"), girder(4, "G1", "1", kOtherDrawing),
               girder(5, "G1", "1", std::nullopt));
  WriteTxn txn = site_.store.write();
  EXPECT_TRUE(txn.erase_drawing(kDrawing));
  EXPECT_FALSE(txn.erase_drawing(kDrawing));
  EXPECT_EQ(seen_by(txn), "S-102: G1 1 #4\n-: G1 1 #5");
  txn.insert_drawing({.id = kDrawing, .name = "again"});
  EXPECT_EQ(seen_by(txn), "again: \nS-102: G1 1 #4\n-: G1 1 #5");
  txn.commit();
  EXPECT_EQ(verify(site_.store.read()).problem_count, 0U);
}

TEST_F(WriteTxnTest, ADrawingMayHaveNoNameButOnlyOneId) {
  WriteTxn txn = site_.store.write();
  txn.insert_drawing({.id = numbered(1), .name = std::nullopt});
  txn.insert_drawing({.id = numbered(2), .name = ""});
  const Violation violation = violation_of([&] { txn.insert_drawing({.id = numbered(1), .name = "S-103"}); });
  EXPECT_EQ(violation.code, ErrorCode::unique_violation);
  EXPECT_EQ(violation.constraint, "drawings_pkey");
  EXPECT_EQ(violation.existing, numbered(1));
  EXPECT_EQ(error_of([&] { txn.insert_drawing({.id = numbered(3), .name = "\xFF"}); }),
            ErrorCode::character_not_in_repertoire);
  EXPECT_EQ(txn.drawing(numbered(1)), (Drawing{numbered(1), std::nullopt}));
  EXPECT_EQ(txn.drawing_count(), 4U);
}

TEST_F(WriteTxnTest, NullsAreDistinctUnlessTheStoreSaysOtherwise) {
  site_.insert(girder(1, "G1"), girder(2, "G1"), girder(3, "G1", "1", std::nullopt),
               girder(4, "G1", "1", std::nullopt));
  EXPECT_EQ(briefly(site_.store), "G1 - #1, G1 - #2, G1 1 #3, G1 1 #4");

  Site strict({.nulls_not_distinct = true});
  strict.insert(girder(1, "G1"), girder(3, "G1", "1", std::nullopt), girder(5, "G1", "", std::nullopt));
  EXPECT_EQ(violation_of([&] { strict.insert(girder(2, "G1")); }).existing, numbered(1));
  EXPECT_EQ(violation_of([&] { strict.insert(girder(4, "G1", "1", std::nullopt)); }).existing, numbered(3));
  strict.insert(girder(6, "G1", {}, std::nullopt));
  EXPECT_EQ(violation_of([&] { strict.insert(girder(7, "G1", {}, std::nullopt)); }).existing, numbered(6));
  EXPECT_EQ(briefly(strict.store), "G1 - #1, G1  #5, G1 1 #3, G1 - #6");
}

TEST_F(WriteTxnTest, ARefusedOperationLeavesNoTrace) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2", "2"));
  WriteTxn txn = site_.store.write();
  txn.insert(girder(3, "G3", "3"));
  const std::string before = seen_by(txn);
  const std::vector<std::pair<ErrorCode, std::function<void()>>> refused{
      {ErrorCode::unique_violation, [&] { txn.insert(girder(1, "new")); }},
      {ErrorCode::unique_violation, [&] { txn.insert(girder(9, "G1", "1")); }},
      {ErrorCode::foreign_key_violation, [&] { txn.insert(girder(9, "G1", "1", numbered(9))); }},
      {ErrorCode::not_null_violation, [&] { txn.insert_columns({.drawing_id = kDrawing}); }},
      {ErrorCode::not_null_violation, [&] { txn.insert_columns({.id = std::nullopt, .piece_mark = "G9"}); }},
      {ErrorCode::check_violation,
       [&] { txn.insert_columns({.piece_mark = "G9", .confidence_score = 1.5}); }},
      {ErrorCode::invalid_text_representation,
       [&] { txn.insert_columns({.piece_mark = "G9", .bounding_box = "{"}); }},
      {ErrorCode::string_data_right_truncation, [&] { txn.insert(girder(9, "G9", "12345678901")); }},
      {ErrorCode::character_not_in_repertoire, [&] { txn.insert(girder(9, "\xC3")); }},
      {ErrorCode::unique_violation, [&] { txn.update(numbered(2), {.id = numbered(1), .piece_mark = "x"}); }},
      {ErrorCode::unique_violation,
       [&] { txn.update(numbered(2), {.id = numbered(9), .piece_mark = "G1", .instance_identifier = "1"}); }},
      {ErrorCode::foreign_key_violation,
       [&] { txn.update(numbered(2), {.drawing_id = numbered(9), .piece_mark = "x"}); }},
      {ErrorCode::not_null_violation, [&] { txn.update(numbered(2), {.piece_mark = std::nullopt}); }},
      {ErrorCode::not_null_violation, [&] { txn.update(numbered(2), {.id = std::nullopt}); }},
      {ErrorCode::check_violation,
       [&] { txn.update(numbered(2), {.quantity = 9, .confidence_score = -0.1}); }},
      {ErrorCode::unique_violation, [&] { txn.insert_drawing({.id = kDrawing, .name = "x"}); }},
  };
  for (const auto& [code, operation] : refused) {
    EXPECT_EQ(error_of(operation), code);
    EXPECT_EQ(seen_by(txn), before) << name_of(code);
  }
  txn.commit();
  EXPECT_EQ(briefly(site_.store), "G1 1 #1, G2 2 #2, G3 3 #3");
  EXPECT_EQ(verify(site_.store.read()).problem_count, 0U);
}

TEST_F(WriteTxnTest, ViolationsComeInTheOrderOfPostgresql) {
  site_.insert(girder(1, "G1", "1"), girder(2, "G2", "2"));
  WriteTxn txn = site_.store.write();
  // Everything is wrong at once; one mistake after the other is mended.
  ComponentColumns row{.id = numbered(1),
                       .drawing_id = numbered(9),
                       .piece_mark = std::nullopt,
                       .instance_identifier = std::string(11, '2'),
                       .bounding_box = "{",
                       .confidence_score = std::numeric_limits<double>::quiet_NaN()};
  const auto refusal = [&] {
    const Violation violation = violation_of([&] { txn.insert_columns(row); });
    return std::string(name_of(violation.code)) + " " + violation.constraint + " " + violation.column;
  };
  EXPECT_EQ(refusal(), "invalid_text_representation  bounding_box");
  row.bounding_box = "{}";
  EXPECT_EQ(refusal(), "string_data_right_truncation  instance_identifier");
  row.instance_identifier = "2";
  EXPECT_EQ(refusal(), "not_null_violation  piece_mark");
  row.piece_mark = "G2";
  EXPECT_EQ(refusal(), "check_violation components_confidence_score_check confidence_score");
  row.confidence_score = 1.0;
  EXPECT_EQ(refusal(), "unique_violation components_pkey ");
  row.id = numbered(3);
  EXPECT_EQ(refusal(), "foreign_key_violation components_drawing_id_fkey drawing_id");
  row.drawing_id = kDrawing;
  EXPECT_EQ(refusal(), "unique_violation unique_piece_mark_instance_per_drawing ");
  row.instance_identifier = "3";
  EXPECT_EQ(txn.insert_columns(row), numbered(3));
}

TEST_F(WriteTxnTest, AMessageSaysWhatWasTriedAndWhatToDo) {
  site_.insert(girder(1, "G1", "1"));
  const std::string message = message_of([&] { site_.insert(girder(2, "G1", "1")); });
  EXPECT_THAT(message, HasSubstr("cannot insert component \"G1\": unique_violation"));
  EXPECT_THAT(message, HasSubstr(numbered(1).to_string()));
  EXPECT_THAT(message, HasSubstr("next"));
}

// A component with one column set.
template <class T>
ErrorCode refusal_of(WriteTxn& txn, ColumnValue<T> ComponentColumns::*column, T value) {
  ComponentColumns columns{.piece_mark = "G1"};
  columns.*column = std::move(value);
  return violation_of([&] { txn.insert_columns(columns); }).code;
}

template <class T, class Get>
void expect_kept(WriteTxn& txn, ColumnValue<T> ComponentColumns::*column, const T& value, const Get& get) {
  ComponentColumns columns{.piece_mark = "G1"};
  columns.*column = value;
  const Uuid id = txn.insert_columns(columns);
  EXPECT_EQ(get(*txn.get(id)), value);
}

struct TextColumn {
  ColumnValue<std::string> ComponentColumns::*column;
  std::optional<std::string> (*get)(const Component&);
  std::size_t max_code_points;
};

const TextColumn kTextColumns[] = {
    {&ComponentColumns::piece_mark, [](const Component& c) { return std::optional(c.piece_mark); }, 50},
    {&ComponentColumns::instance_identifier, [](const Component& c) { return c.instance_identifier; }, 10},
    {&ComponentColumns::component_type, [](const Component& c) { return c.component_type; }, 50},
    {&ComponentColumns::material_type, [](const Component& c) { return c.material_type; }, 100},
    {&ComponentColumns::review_status, [](const Component& c) { return c.review_status; }, 20},
};

TEST_F(WriteTxnTest, TextsAreCountedInCodePoints) {
  WriteTxn txn = site_.store.write();
  for (const TextColumn& text : kTextColumns) {
    for (const std::string code_point : {"a", " ", "\u00DF", "\u0301", "\u6841", "\U0001F529"}) {
      std::string longest;
      for (std::size_t i = 0; i < text.max_code_points; ++i) longest += code_point;
      expect_kept(txn, text.column, longest, text.get);
      EXPECT_EQ(refusal_of(txn, text.column, longest + code_point), ErrorCode::string_data_right_truncation);
      EXPECT_EQ(refusal_of(txn, text.column, longest + " "), ErrorCode::string_data_right_truncation);
    }
    for (const std::string kept : {"", " ", "\u00A0", "\x01\x1F\x7F", "\uFFFF", "\U0010FFFF"}) {
      expect_kept(txn, text.column, kept, text.get);
    }
  }
}

TEST_F(WriteTxnTest, TextsAreUtf8WithoutU0000) {
  WriteTxn txn = site_.store.write();
  const std::vector<std::string> no_texts{
      std::string(1, '\0'), std::string("G1\0", 3), "\x80",  "\xC3", "\xC0\x80",
      "\xED\xA0\x80",       "\xF4\x90\x80\x80",     "G1\xFF"};
  for (const TextColumn& text : kTextColumns) {
    for (const std::string& bad : no_texts) {
      EXPECT_EQ(refusal_of(txn, text.column, bad), ErrorCode::character_not_in_repertoire);
    }
  }
  EXPECT_EQ(refusal_of(txn, &ComponentColumns::bounding_box, std::string("\"\xFF\"")),
            ErrorCode::character_not_in_repertoire);
}

TEST_F(WriteTxnTest, NumbersKeepEveryBit) {
  using Limits = std::numeric_limits<double>;
  WriteTxn txn = site_.store.write();
  for (const double value : {0.0, -0.0, Limits::denorm_min(), -Limits::denorm_min(), Limits::min(),
                             Limits::max(), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                             -Limits::quiet_NaN(), std::bit_cast<double>(0x7FF8'0000'0000'002AULL), 6.7e9}) {
    const Uuid id = txn.insert_columns({.piece_mark = "G1", .location_x = value, .location_y = -value});
    const Component found = *txn.get(id);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*found.location_x), std::bit_cast<std::uint64_t>(value));
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*found.location_y), std::bit_cast<std::uint64_t>(-value));
  }
  for (const std::int32_t value :
       {std::numeric_limits<std::int32_t>::min(), -1, 0, std::numeric_limits<std::int32_t>::max()}) {
    expect_kept(txn, &ComponentColumns::quantity, value, [](const Component& c) { return c.quantity; });
  }
}

TEST_F(WriteTxnTest, ConfidenceIsFrom0To1) {
  using Limits = std::numeric_limits<double>;
  WriteTxn txn = site_.store.write();
  const auto get = [](const Component& c) { return c.confidence_score; };
  for (const double kept : {0.0, -0.0, Limits::denorm_min(), 0.5, 1.0}) {
    expect_kept(txn, &ComponentColumns::confidence_score, kept, get);
  }
  for (const double refused : {-Limits::denorm_min(), 1.0 + Limits::epsilon(), Limits::quiet_NaN(),
                               Limits::infinity(), -Limits::infinity()}) {
    EXPECT_EQ(refusal_of(txn, &ComponentColumns::confidence_score, refused), ErrorCode::check_violation);
  }
}

TEST_F(WriteTxnTest, TimeStampsReachFromYear1ToThoseOfTheText) {
  WriteTxn txn = site_.store.write();
  for (const char* text : {"0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z",
                           "9999-12-31T23:59:59.999999Z", "294246-12-31T23:59:59.999999Z"}) {
    const Timestamp instant = std::get<Timestamp>(Timestamp::parse(text));
    const Uuid id = txn.insert_columns({.piece_mark = "G1", .created_at = instant, .updated_at = instant});
    EXPECT_EQ(txn.get(id)->created_at->to_string(), text);
    EXPECT_EQ(txn.get(id)->updated_at, instant);
  }
}

// bounding_box as it is stored.
std::optional<std::string> stored(WriteTxn& txn, std::string json) {
  return txn.get(txn.insert_columns({.piece_mark = "G1", .bounding_box = std::move(json)}))->bounding_box;
}

TEST_F(WriteTxnTest, BoundingBoxIsAnyJsonValueWithoutBlanks) {
  WriteTxn txn = site_.store.write();
  for (const char* json : {"{}", "[]", "\"\"", "true", "false", "0", "-0", "1e400", "0.10",
                           R"({"a":1,"a":2})", R"("\ud800")", R"("\u0000")", R"("two  blanks \" \\")"}) {
    EXPECT_EQ(stored(txn, json), json);
  }
  EXPECT_EQ(stored(txn, " { \"x\" :\t[ 1 ,\r\n2 ] , \"a b\" : \" \\\" \" } "), R"({"x":[1,2],"a b":" \" "})");
  EXPECT_EQ(stored(txn, " null "), std::nullopt);
  for (const char* bad :
       {"", " ", "{", "nul", "01", "1.", "+1", "NaN", "[1,]", "1 2", "'a'", "\"\t\"", "\"\\x\""}) {
    EXPECT_EQ(refusal_of(txn, &ComponentColumns::bounding_box, std::string(bad)),
              ErrorCode::invalid_text_representation);
  }
}

TEST_F(WriteTxnTest, BoundingBoxHasLimitsOfSizeAndDepth) {
  constexpr std::size_t kBytesMax = std::size_t{4} << 20;
  WriteTxn txn = site_.store.write();
  const std::string longest = '"' + std::string(kBytesMax - 2, 'x') + '"';
  EXPECT_EQ(stored(txn, longest), longest);
  EXPECT_EQ(refusal_of(txn, &ComponentColumns::bounding_box, longest + " "),
            ErrorCode::string_data_right_truncation);
  const std::string deepest = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_EQ(stored(txn, deepest), deepest);
  EXPECT_EQ(refusal_of(txn, &ComponentColumns::bounding_box, "[" + deepest + "]"),
            ErrorCode::invalid_text_representation);
}

TEST_F(WriteTxnTest, GeneratedIdsAscend) {
  WriteTxn txn = site_.store.write();
  Uuid last;
  for (int i = 0; i < 5'000; ++i) {
    const Uuid id = txn.insert_columns({.piece_mark = "G1"});
    ASSERT_GT(id, last);
    last = id;
  }
}

}  // namespace
}  // namespace piecemark::testing
