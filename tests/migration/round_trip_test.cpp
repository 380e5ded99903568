// Down and up again, over random stores: without edits between, nothing changes; with edits, a plain model
// says what comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "api/text/json_writer.h"
#include "migration/natural_order.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::dump;
using testing::TemporaryFolder;

class RoundTripTest : public ::testing::TestWithParam<std::tuple<unsigned, bool>> {
 protected:
  RoundTripTest()
      : nulls_not_distinct_(std::get<1>(GetParam())),
        random_(std::get<0>(GetParam())),
        store_(Store::create(folder_.path("store.pmk"), {.nulls_not_distinct = nulls_not_distinct_},
                             {.write_older_format = true})) {
    WriteTxn transaction = store_.write();
    for (int i = 0; i < 3; ++i) drawings_.push_back(transaction.insert_drawing({.name = std::to_string(i)}));
    for (int i = 0; i < 150; ++i) insert_random(transaction, 2);
    transaction.commit();
  }

  std::size_t pick(std::size_t count) { return random_() % count; }

  std::optional<Uuid> random_drawing() {
    return pick(6) == 0 ? std::nullopt : std::optional(drawings_[pick(drawings_.size())]);
  }

  void insert_random(WriteTxn& transaction, std::uint32_t format) {
    Component component{.drawing_id = random_drawing(), .piece_mark = "G" + std::to_string(pick(9))};
    if (pick(8) == 0 && !used_ids_.empty()) component.id = used_ids_[pick(used_ids_.size())];
    if (format == 2 && pick(4) != 0) component.instance_identifier = std::to_string(pick(12));
    if (pick(3) == 0) component.created_at = Timestamp{static_cast<std::int64_t>(pick(3))};
    if (component.drawing_id && !transaction.drawing(*component.drawing_id)) return;
    if (std::holds_alternative<Uuid>(transaction.try_insert(component))) used_ids_.push_back(component.id);
  }

  void edit_randomly(std::uint32_t format) {
    WriteTxn transaction = store_.write();
    std::vector<Uuid> ids;
    for (const Uuid& id : used_ids_) {
      if (transaction.get(id)) ids.push_back(id);
    }
    for (int i = 0; i < 25 && !ids.empty(); ++i) {
      const Uuid id = ids[pick(ids.size())];
      try {
        switch (pick(5)) {
          case 0:
            transaction.erase(id);
            break;
          case 1:
            transaction.update(id, {.piece_mark = "G" + std::to_string(pick(12))});
            break;
          case 2:
            transaction.update(id, {.drawing_id = random_drawing()});
            break;
          case 3:
            transaction.update(id, {.quantity = static_cast<std::int32_t>(i)});
            break;
          default:
            insert_random(transaction, format);
        }
      } catch (const ConstraintViolation&) {
        // A key that is taken: the row stays as it is.
      }
    }
    if (pick(3) == 0) transaction.erase_drawing(drawings_[pick(drawings_.size())]);
    transaction.commit();
  }

  std::map<Uuid, Component> rows() const {
    std::map<Uuid, Component> result;
    const ReadTxn snapshot = store_.read();
    for (const ComponentView& component : snapshot.scan())
      result.emplace(component.id(), component.to_component());
    return result;
  }

  bool shares_key_space(const Component& component) const {
    return component.drawing_id || nulls_not_distinct_;
  }
  bool is_unique_key(const Component& component) const {
    return nulls_not_distinct_ || (component.drawing_id && component.instance_identifier);
  }

  // The rows that stay on the way down: of each drawing and mark the first by identifier, date and id.
  std::set<Uuid> staying(const std::map<Uuid, Component>& rows) const {
    std::map<std::pair<std::optional<Uuid>, std::string>, const Component*> best;
    std::set<Uuid> ids;
    const auto is_before = [](const Component& a, const Component& b) {
      if (!a.instance_identifier != !b.instance_identifier) return !a.instance_identifier;
      if (a.instance_identifier) {
        const auto order = migration::compare_naturally(*a.instance_identifier, *b.instance_identifier);
        if (order != 0) return order < 0;
      }
      return std::tuple(!a.created_at, a.created_at, a.id) < std::tuple(!b.created_at, b.created_at, b.id);
    };
    for (const auto& [id, row] : rows) {
      if (!shares_key_space(row)) {
        ids.insert(id);
        continue;
      }
      const Component*& chosen = best[{row.drawing_id, row.piece_mark}];
      if (chosen == nullptr || is_before(row, *chosen)) chosen = &row;
    }
    for (const auto& [key, row] : best) ids.insert(row->id);
    return ids;
  }

  // What the upgrade must give: the rows now, with what returns from the rows before the downgrade.
  std::map<Uuid, Component> predicted(const std::map<Uuid, Component>& before,
                                      std::map<Uuid, Component> now) const {
    const std::set<Uuid> stayed = staying(before);
    for (auto& [id, row] : now) {
      const auto was = before.find(id);
      if (was == before.end() || !stayed.contains(id)) continue;
      if (was->second.drawing_id == row.drawing_id && was->second.piece_mark == row.piece_mark)
        row.instance_identifier = was->second.instance_identifier;
    }
    const ReadTxn snapshot = store_.read();
    for (const auto& entry : before) {
      const Uuid& id = entry.first;
      const Component& row = entry.second;
      if (stayed.contains(id) || now.contains(id)) continue;
      if (row.drawing_id && !snapshot.drawing(*row.drawing_id)) continue;
      const bool taken = is_unique_key(row) && std::any_of(now.begin(), now.end(), [&](const auto& other) {
                           return is_unique_key(other.second) && other.second.drawing_id == row.drawing_id &&
                                  other.second.piece_mark == row.piece_mark &&
                                  other.second.instance_identifier == row.instance_identifier;
                         });
      if (!taken) now.emplace(id, row);
    }
    return now;
  }

  // Migrates, after a plan has foretold what it does, and a copy has been taken the same way.
  Receipt migrate_as_planned(std::uint32_t format, const MigrationOptions& options) {
    const MigrationPlan plan = plan_migration(store_, format);
    const std::string copied = folder_.path("copy.pmk");
    const auto of_copy = migrate_into(copied, store_, format, options);
    const std::uint64_t bytes_before = std::filesystem::file_size(store_.path());
    const auto receipt = migrate(store_, format, options);
    EXPECT_TRUE(receipt && of_copy);
    EXPECT_EQ(plan.steps, receipt->steps);
    EXPECT_EQ(plan.stashed_rows, receipt->stashed_rows);
    EXPECT_EQ(plan.stashed_identifiers, receipt->stashed_identifiers);
    EXPECT_EQ(plan.returned_rows, receipt->returned_rows);
    EXPECT_EQ(plan.returned_identifiers, receipt->returned_identifiers);
    EXPECT_EQ(plan.left_over, receipt->left_over);
    EXPECT_LE(std::filesystem::file_size(store_.path()), bytes_before + plan.bytes_needed);
    EXPECT_LE(std::filesystem::file_size(copied), plan.copy_bytes);
    EXPECT_EQ(of_copy->before, receipt->before);
    EXPECT_EQ(of_copy->after, receipt->after);
    {
      const Store copy = Store::open(copied, {.read_only = true});
      EXPECT_EQ(dump(copy), dump(store_));
      EXPECT_EQ(stash_of(copy), stash_of(store_));
      EXPECT_EQ(history(copy.read()).size(), history(store_.read()).size());
      expect_clean(copy);
    }
    std::filesystem::remove(copied);
    expect_clean(store_);
    return *receipt;
  }

  static std::string stash_of(const Store& store) {
    std::string text;
    for_each_stash_entry(store.read(), [&](const StashEntry& entry) {
      const ComponentRow row = row_of(entry.set_aside.component);
      text += entry.is_left_over ? "left over " : "waiting ";
      text += entry.set_aside.reason + " ";
      text::append_json(text, row);
      text += "\n";
    });
    return text;
  }

  static void expect_clean(const Store& store) {
    const Verification verification = verify(store.read());
    EXPECT_TRUE(verification.is_clean()) << verification.problems.front();
    EXPECT_TRUE(verification.is_as_migrated);
  }

  TemporaryFolder folder_;
  bool nulls_not_distinct_;
  std::mt19937 random_;
  std::vector<Uuid> drawings_;
  std::vector<Uuid> used_ids_;
  Store store_;
};

TEST_P(RoundTripTest, WithoutEditsNothingChanges) {
  for (int round = 0; round < 3; ++round) {
    const std::string before = dump(store_);
    const Receipt down = migrate_as_planned(1, {.on_loss = OnLoss::stash});
    const Receipt up = migrate_as_planned(2, {});
    EXPECT_EQ(up.returned_rows, down.stashed_rows);
    EXPECT_EQ(up.returned_identifiers, down.stashed_identifiers);
    EXPECT_EQ(up.left_over, 0U);
    EXPECT_EQ(dump(store_), before);
    EXPECT_EQ(store_.info().stash_entries, 0U);
    edit_randomly(2);
  }
}

TEST_P(RoundTripTest, WithEditsTheModelPredictsTheResult) {
  for (int round = 0; round < 4; ++round) {
    const auto before = rows();
    migrate_as_planned(1, {.on_loss = OnLoss::stash});
    const auto down = rows();
    const std::set<Uuid> stayed = staying(before);
    ASSERT_EQ(down.size(), stayed.size());
    ASSERT_TRUE(
        std::all_of(down.begin(), down.end(), [&](const auto& row) { return stayed.contains(row.first); }));
    edit_randomly(1);
    const auto expected = predicted(before, rows());
    const std::uint64_t left_over_before = store_.info().stash_entries;
    const Receipt up = migrate_as_planned(2, {});
    EXPECT_EQ(rows(), expected);
    EXPECT_EQ(store_.info().stash_entries, left_over_before - up.returned_rows - up.returned_identifiers);
    edit_randomly(2);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTripTest,
                         ::testing::Combine(::testing::Range(1U, 13U), ::testing::Bool()));

}  // namespace
}  // namespace piecemark
