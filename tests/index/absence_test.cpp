// Damage to keys, which no checksum of a value sees: whatever is looked up afterwards is right, or reported.
#include "engine/absence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "api/text/json_writer.h"
#include "engine/environment.h"
#include "layout_cases.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::TemporaryFolder;

std::string text_of(const ComponentRow& row) {
  std::string text;
  text::append_json(text, row);
  return text;
}

class AbsenceTest : public ::testing::TestWithParam<LayoutCase> {
 protected:
  static constexpr unsigned kDrawings = 7;
  static constexpr unsigned kMarks = 12;

  AbsenceTest() {
    const std::vector<std::string_view>& names = GetParam().tables;
    engine::Environment::create(folder_.path("store"), names, [](engine::WriteTransaction&) {});
    environment_ = engine::Environment::open(folder_.path("store"), names, {});
    for (std::size_t i = 0; i < names.size(); ++i) tables_.push_back(environment_->table(i));
    layout_ = GetParam().make(tables_);
    engine::WriteTransaction transaction = environment_->begin_write();
    const auto writer = layout_->writer(transaction);
    for (unsigned i = 0; i < 600; ++i) {
      const Component row = component(i);
      if (!writer->insert(row_of(row))) rows_.push_back(row);
    }
    writer->flush();
    transaction.commit();
  }

  Uuid random_id() {
    Uuid id;
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random_());
    return id;
  }
  static DrawingKey drawing(unsigned number) {
    Uuid id;
    id.bytes[15] = static_cast<std::uint8_t>(number * 16);
    return number == 0 ? DrawingKey() : id;
  }
  Component component(unsigned number) {
    Component row;
    row.id = random_id();
    row.drawing_id = drawing(number % kDrawings);
    row.piece_mark = "G" + std::to_string(random_() % kMarks);
    const bool has_instance = GetParam().format->has(Column::instance_identifier) && random_() % 8 != 0;
    if (has_instance) row.instance_identifier = std::to_string(random_() % 40);
    row.material_type = "S355 of component " + std::to_string(number);
    return row;
  }

  // A table's entries, and one of them under a key that a few bits make another one: it lies between the same neighbours.
  struct Move {
    std::string from;
    std::string to;
    std::string value;
  };
  std::vector<Move> moves(const engine::ReadTransaction& transaction, const engine::Table& table,
                          std::size_t count) {
    std::vector<std::pair<std::string, std::string>> entries;
    engine::Cursor cursor(transaction, table);
    for (bool found = cursor.first(); found; found = cursor.next()) {
      entries.emplace_back(cursor.key(), cursor.value());
    }
    std::vector<Move> moves;
    for (std::size_t tried = 0; tried < 100'000 && moves.size() < count; ++tried) {
      const std::size_t at = random_() % entries.size();
      std::string key = entries[at].first;
      char& byte = key[random_() % key.size()];
      byte = static_cast<char>(byte ^ (1 << random_() % 8));
      const bool keeps_order = (at == 0 || entries[at - 1].first < key) &&
                               (at + 1 == entries.size() || key < entries[at + 1].first);
      if (keeps_order) moves.push_back({entries[at].first, key, entries[at].second});
    }
    return moves;
  }

  // Calls `look` and compares what it says; damage that it reports is as good.
  template <class Look>
  void expect(const std::string& expected, const Look& look) {
    try {
      EXPECT_EQ(look(), expected);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_record) << error.what();
      ++reported_;
    }
  }

  static std::string sorted_text(const std::unique_ptr<RowCursor>& cursor) {
    std::set<std::string> rows;
    for (ComponentRow row; cursor->next(row);) rows.insert(text_of(row));
    return joined(rows);
  }
  template <class Wanted>
  std::string sorted_text(const Wanted& wanted) const {
    std::set<std::string> rows;
    for (const Component& row : rows_) {
      if (wanted(row)) rows.insert(text_of(row_of(row)));
    }
    return joined(rows);
  }
  static std::string joined(const std::set<std::string>& rows) {
    std::string text;
    for (const std::string& row : rows) text += row + "\n";
    return text;
  }
  static std::string text_of_found(const std::optional<ComponentRow>& row) {
    return row ? text_of(*row) : "nothing";
  }

  void look_at_everything(const engine::ReadTransaction& transaction) {
    for (const Component& row : rows_) {
      expect(text_of(row_of(row)), [&] { return text_of_found(layout_->get(transaction, row.id)); });
    }
    for (unsigned i = 0; i < 20; ++i) {
      expect("nothing", [&] { return text_of_found(layout_->get(transaction, random_id())); });
    }
    std::set<std::pair<DrawingKey, std::string>> marks;
    for (unsigned i = 0; i <= kDrawings; ++i) {
      expect(sorted_text([&](const Component& row) { return row.drawing_id == drawing(i); }),
             [&] { return sorted_text(layout_->in_drawing(transaction, drawing(i), Layout::Order::any)); });
      for (unsigned mark = 0; mark <= kMarks; ++mark) marks.insert({drawing(i), "G" + std::to_string(mark)});
    }
    for (const auto& entry : marks) {
      const DrawingKey& of = entry.first;
      const std::string& mark = entry.second;
      const auto is_one = [&](const Component& row) {
        return row.drawing_id == of && row.piece_mark == mark;
      };
      expect(sorted_text(is_one),
             [&] { return sorted_text(layout_->instances(transaction, of, mark, Layout::Order::any)); });
      const InstanceKey absent = "none";
      if (!GetParam().format->has(Column::instance_identifier)) continue;
      expect("nothing", [&] { return text_of_found(layout_->find(transaction, of, mark, absent)); });
    }
    for (const auto& entry : smallest_by_key()) {
      const ComponentRow row = row_of(*entry.second);
      expect(text_of(row), [&] {
        return text_of_found(
            layout_->find(transaction, row.drawing_id, row.piece_mark, row.instance_identifier));
      });
    }
  }

  using Key = std::tuple<DrawingKey, std::string, std::optional<std::string>>;
  std::map<Key, const Component*> smallest_by_key() const {
    std::map<Key, const Component*> rows;
    for (const Component& row : rows_) {
      const Component*& smallest = rows[{row.drawing_id, row.piece_mark, row.instance_identifier}];
      if (smallest == nullptr || row.id < smallest->id) smallest = &row;
    }
    return rows;
  }

  // Neither the id nor the key of a row that is there may be had by another one.
  void insert_again(engine::WriteTransaction& transaction) {
    for (int i = 0; i < 5; ++i) {
      const Component& present = rows_[random_() % rows_.size()];
      Component again = present;
      again.piece_mark = "another";
      const auto writer = layout_->writer(transaction);
      expect("conflict", [&] { return writer->insert(row_of(again)) ? "conflict" : "inserted"; });
      again = present;
      again.id = random_id();
      const bool is_constrained =
          GetParam().nulls_not_distinct ||
          (present.drawing_id &&
           (present.instance_identifier || !GetParam().format->has(Column::instance_identifier)));
      if (!is_constrained) continue;
      expect("conflict", [&] { return writer->insert(row_of(again)) ? "conflict" : "inserted"; });
    }
  }

  std::mt19937_64 random_{7};
  TemporaryFolder folder_;
  std::shared_ptr<engine::Environment> environment_;
  std::vector<engine::Table> tables_;
  std::unique_ptr<Layout> layout_;
  std::vector<Component> rows_;
  std::size_t reported_ = 0;
};

TEST_P(AbsenceTest, NothingIsFoundWrong) {
  look_at_everything(environment_->begin_read());
  EXPECT_EQ(reported_, 0U);
}

TEST_P(AbsenceTest, DamagedKeyIsReported) {
  for (const engine::Table& table : tables_) {
    std::vector<Move> moves = this->moves(environment_->begin_read(), table, 40);
    ASSERT_GT(moves.size(), 3U);
    for (const Move& move : moves) {
      engine::WriteTransaction transaction = environment_->begin_write();
      ASSERT_TRUE(transaction.erase(table, move.from));
      transaction.put(table, move.to, move.value);
      reported_ = 0;
      look_at_everything(transaction);
      EXPECT_GT(reported_, 0U) << table.name;
      insert_again(transaction);
      ASSERT_FALSE(HasFailure()) << table.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, AbsenceTest, ::testing::ValuesIn(layout_cases().tested),
                         [](const auto& layout) { return layout.param.name; });

}  // namespace
}  // namespace piecemark::index
