// What every layout promises, held against a plain model. A further layout is one more line in kLayouts.
#include "index/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "api/text/json_writer.h"
#include "engine/record.h"
#include "index/catalogue.h"
#include "index/ordered.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

struct LayoutCase {
  std::string name;
  std::uint32_t format;
  bool nulls_not_distinct;
};

const std::vector<LayoutCase> kLayouts{
    {"ordered_format_1", 1, false},
    {"ordered_format_1_nulls_not_distinct", 1, true},
    {"ordered_format_2", 2, false},
    {"ordered_format_2_nulls_not_distinct", 2, true},
};

std::string text_of(const ComponentRow& row) {
  std::string text;
  text::append_json(text, row);
  return text + "\n";
}

// The layout as a sorted list of rows.
class Model {
 public:
  Model(const Format& format, bool nulls_not_distinct)
      : format_(format), nulls_not_distinct_(nulls_not_distinct) {}

  std::optional<Conflict> conflict_of(const Component& component, const std::optional<Uuid>& ignoring) const {
    if (component.id != ignoring && rows_.contains(component.id))
      return Conflict{Conflict::On::id, component.id};
    if (!is_constrained(component)) return std::nullopt;
    for (const auto& [id, row] : rows_) {
      if (id != ignoring && is_constrained(row) && key(row) == key(component))
        return Conflict{Conflict::On::key, id};
    }
    return std::nullopt;
  }

  std::map<Uuid, Component>& rows() { return rows_; }
  // The rows that `wanted` accepts, in the order of the key.
  template <class Wanted>
  std::vector<const Component*> sorted(const Wanted& wanted) const {
    std::vector<const Component*> found;
    for (const auto& [id, row] : rows_) {
      if (wanted(row)) found.push_back(&row);
    }
    std::sort(found.begin(), found.end(), [](const Component* a, const Component* b) {
      return std::tuple(key(*a), a->id) < std::tuple(key(*b), b->id);
    });
    return found;
  }
  template <class Wanted>
  std::string by_key(const Wanted& wanted) const {
    std::string text;
    for (const Component* row : sorted(wanted)) text += text_of(row_of(*row));
    return text;
  }

 private:
  bool is_constrained(const Component& row) const {
    const bool has_instance =
        !format_.has(Column::instance_identifier) || row.instance_identifier.has_value();
    return nulls_not_distinct_ || (row.drawing_id && has_instance);
  }
  using Key = std::tuple<bool, std::optional<Uuid>, std::string, bool, std::optional<std::string>>;
  static Key key(const Component& row) {
    return {!row.drawing_id, row.drawing_id, row.piece_mark, !row.instance_identifier,
            row.instance_identifier};
  }

  const Format& format_;
  bool nulls_not_distinct_;
  std::map<Uuid, Component> rows_;
};

RowKey key_of(const Component& component) {
  const ComponentRow row = row_of(component);
  return {row.drawing_id, row.piece_mark, row.instance_identifier, row.id};
}

std::string text_of(const RowKey& key) {
  return (key.drawing ? key.drawing->to_string() : "NULL") + " " + std::string(key.piece_mark) + " " +
         std::string(key.instance.value_or("NULL")) + " " + key.id.to_string() + "\n";
}

class LayoutTest : public ::testing::TestWithParam<LayoutCase> {
 protected:
  LayoutTest() {
    engine::Environment::create(folder_.path("store"), kTables, [](engine::WriteTransaction&) {});
    environment_ = engine::Environment::open(folder_.path("store"), kTables, {});
    layout_ = std::make_unique<OrderedLayout>(format_, GetParam().nulls_not_distinct,
                                              table(*environment_, format_.rows),
                                              table(*environment_, format_.unique));
  }

  static std::string read(const std::unique_ptr<RowCursor>& cursor) {
    std::string text;
    for (ComponentRow row; cursor->next(row);) text += text_of(row);
    return text;
  }

  Uuid small_uuid() {
    Uuid id;
    id.bytes[15] = static_cast<std::uint8_t>(random_() % 60);
    return id;
  }
  std::optional<Uuid> drawing() {
    if (random_() % 5 == 0) return std::nullopt;
    Uuid id;
    id.bytes[0] = static_cast<std::uint8_t>(random_() % 3);
    return id;
  }
  Component random_component() {
    static const std::vector<std::string> kMarks{"", "G1", "G", "g1", "G1 ", "G\xC2\xA0"};
    Component component{
        .id = small_uuid(), .drawing_id = drawing(), .piece_mark = kMarks[random_() % kMarks.size()]};
    component.quantity = static_cast<std::int32_t>(random_());
    component.bounding_box = "[" + std::string(random_() % 20 == 0 ? 5000 : random_() % 100, '1') + "0]";
    component.created_at = component.updated_at = Timestamp{static_cast<std::int64_t>(random_())};
    if (format_.has(Column::instance_identifier) && random_() % 3 != 0)
      component.instance_identifier = std::to_string(random_() % 12);
    return component;
  }

  void expect_same(const engine::ReadTransaction& transaction) {
    ASSERT_EQ(layout_->count(transaction), model_.rows().size());
    ASSERT_EQ(read(layout_->all_by_key(transaction)), model_.by_key([](const Component&) { return true; }));
    std::string keys;
    std::string expected_keys;
    const auto cursor = layout_->all_keys(transaction);
    for (RowKey key; cursor->next(key);) keys += text_of(key);
    for (const Component* row : model_.sorted([](const Component&) { return true; })) {
      expected_keys += text_of(key_of(*row));
    }
    ASSERT_EQ(keys, expected_keys);
    std::string by_id;
    for (const auto& [id, row] : model_.rows()) by_id += text_of(row_of(row));
    ASSERT_EQ(read(layout_->all_by_id(transaction)), by_id);
    const Component probe = random_component();
    const auto in_drawing = [&](const Component& row) { return row.drawing_id == probe.drawing_id; };
    const auto of_mark = [&](const Component& row) {
      return in_drawing(row) && row.piece_mark == probe.piece_mark;
    };
    const auto with_key = [&](const Component& row) {
      return of_mark(row) && row.instance_identifier == probe.instance_identifier;
    };
    const InstanceKey instance = row_of(probe).instance_identifier;
    ASSERT_EQ(read(layout_->in_drawing(transaction, probe.drawing_id)), model_.by_key(in_drawing));
    ASSERT_EQ(read(layout_->instances(transaction, probe.drawing_id, probe.piece_mark)),
              model_.by_key(of_mark));
    const std::string same_key = model_.by_key(with_key);
    ASSERT_EQ(read(layout_->with_key(transaction, probe.drawing_id, probe.piece_mark, instance)), same_key);
    const auto found = layout_->find(transaction, probe.drawing_id, probe.piece_mark, instance);
    ASSERT_EQ(found ? text_of(*found) : "", same_key.substr(0, same_key.find('\n') + 1));
    const auto got = layout_->get(transaction, probe.id);
    ASSERT_EQ(got ? text_of(*got) : "",
              model_.rows().contains(probe.id) ? text_of(row_of(model_.rows().at(probe.id))) : "");
  }

  static std::string name_of_conflict(const std::optional<Conflict>& conflict) {
    if (!conflict) return "none";
    return (conflict->on == Conflict::On::id ? "id " : "key ") + conflict->existing.to_string();
  }

  TemporaryFolder folder_;
  const Format& format_ = *format_numbered(GetParam().format);
  std::shared_ptr<engine::Environment> environment_;
  std::unique_ptr<Layout> layout_;
  Model model_{format_, GetParam().nulls_not_distinct};
  std::mt19937 random_{4711};
};

TEST_P(LayoutTest, RandomOperationsAgreeWithTheModel) {
  engine::WriteTransaction transaction = environment_->begin_write();
  for (int i = 0; i < 6000; ++i) {
    const Component component = random_component();
    const auto present = model_.rows().find(small_uuid());
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2: {
        const auto conflict = layout_->insert(transaction, row_of(component));
        ASSERT_EQ(name_of_conflict(conflict), name_of_conflict(model_.conflict_of(component, std::nullopt)));
        if (!conflict) model_.rows()[component.id] = component;
        break;
      }
      case 3:
      case 4: {
        if (present == model_.rows().end()) break;
        const Component before = present->second;
        Component after = component;
        if (random_() % 2 == 0) after.id = before.id;
        if (random_() % 2 == 0) after.piece_mark = before.piece_mark;
        const auto conflict = layout_->replace(transaction, row_of(before), row_of(after));
        ASSERT_EQ(name_of_conflict(conflict), name_of_conflict(model_.conflict_of(after, before.id)));
        if (!conflict) {
          model_.rows().erase(before.id);
          model_.rows()[after.id] = after;
        }
        break;
      }
      case 5:
      case 6: {
        if (present == model_.rows().end()) break;
        const Component gone = present->second;
        layout_->erase(transaction, row_of(gone));
        model_.rows().erase(gone.id);
        break;
      }
      default: {
        if (random_() % 20 != 0 || !component.drawing_id) break;
        const auto erased = std::erase_if(
            model_.rows(), [&](const auto& row) { return row.second.drawing_id == component.drawing_id; });
        ASSERT_EQ(layout_->erase_drawing(transaction, *component.drawing_id), erased);
      }
    }
    if (i % 25 == 0) expect_same(transaction);
    if (HasFatalFailure()) return;
  }
  transaction.commit();
  const engine::ReadTransaction snapshot = environment_->begin_read();
  expect_same(snapshot);
  std::string problems;
  std::uint64_t visited = 0;
  layout_->verify(
      snapshot, [&](const ComponentRow&) { ++visited; },
      [&](const std::string& problem) { problems += problem + "\n"; });
  EXPECT_EQ(problems, "");
  EXPECT_EQ(visited, model_.rows().size());
}

TEST_P(LayoutTest, BulkWriterGivesWhatSingleInsertsGive) {
  for (int i = 0; i < 300; ++i) {
    const Component component = random_component();
    if (!model_.conflict_of(component, std::nullopt)) model_.rows()[component.id] = component;
  }
  engine::WriteTransaction transaction = environment_->begin_write();
  {
    const auto writer = layout_->bulk_writer(transaction);
    for (const auto& [id, row] : model_.rows()) writer->add(row_of(row));
    for (const Component* row : model_.sorted([](const Component&) { return true; }))
      writer->add_key(key_of(*row));
    writer->finish();
  }
  expect_same(transaction);
  layout_->clear(transaction);
  EXPECT_EQ(layout_->count(transaction), 0U);
}

TEST_P(LayoutTest, BulkWriterReportsASecondRowWithTheKey) {
  RowKey key{Uuid{}, "G1", std::nullopt, *Uuid::parse("00000000-0000-0000-0000-000000000001")};
  if (format_.has(Column::instance_identifier)) key.instance = "1";
  engine::WriteTransaction transaction = environment_->begin_write();
  const auto writer = layout_->bulk_writer(transaction);
  writer->add_key(key);
  key.id.bytes[15] = 2;
  EXPECT_EQ(error_of([&] { writer->add_key(key); }), ErrorCode::corrupt_file);
}

TEST_P(LayoutTest, BulkWriterReportsRowsOutOfOrder) {
  engine::WriteTransaction transaction = environment_->begin_write();
  const auto writer = layout_->bulk_writer(transaction);
  Component component{.id = *Uuid::parse("00000000-0000-0000-0000-000000000002"), .piece_mark = "G1"};
  writer->add(row_of(component));
  EXPECT_EQ(error_of([&] { writer->add(row_of(component)); }), ErrorCode::corrupt_file);
  component.id.bytes[15] = 1;
  EXPECT_EQ(error_of([&] { writer->add(row_of(component)); }), ErrorCode::corrupt_file);
}

TEST_P(LayoutTest, BulkWriterReportsKeysOfOtherRows) {
  const Uuid id = *Uuid::parse("00000000-0000-0000-0000-000000000001");
  const Uuid other = *Uuid::parse("00000000-0000-0000-0000-000000000002");
  const Component component{.id = id, .drawing_id = Uuid{}, .piece_mark = "G1"};
  const auto fails = [&](const std::vector<RowKey>& keys) {
    engine::WriteTransaction transaction = environment_->begin_write();
    const auto writer = layout_->bulk_writer(transaction);
    writer->add(row_of(component));
    for (const RowKey& key : keys) writer->add_key(key);
    return error_of([&] { writer->finish(); });
  };
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, id}}), std::nullopt);
  EXPECT_EQ(fails({}), ErrorCode::corrupt_file) << "no key";
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, other}}), ErrorCode::corrupt_file) << "leads elsewhere";
  EXPECT_EQ(fails({{Uuid{}, "G2", std::nullopt, id}}), ErrorCode::corrupt_file) << "another key";
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, id}, {Uuid{}, "G2", std::nullopt, other}}),
            ErrorCode::corrupt_file)
      << "one too many";
}

// Damage in every byte of every value is reported by verify, and never read as another row.
TEST_P(LayoutTest, DamagedValuesAreReported) {
  {
    engine::WriteTransaction transaction = environment_->begin_write();
    Component component = random_component();
    component.drawing_id = Uuid{};
    ASSERT_FALSE(layout_->insert(transaction, row_of(component)));
    transaction.commit();
  }
  for (const TableId id : {format_.rows, format_.unique}) {
    engine::WriteTransaction transaction = environment_->begin_write();
    std::string key;
    std::string value;
    {
      engine::Cursor cursor(transaction, table(*environment_, id));
      ASSERT_TRUE(cursor.first());
      key = cursor.key();
      value = cursor.value();
    }
    for (std::size_t byte = 0; byte < value.size(); ++byte) {
      std::string changed = value;
      changed[byte] = static_cast<char>(changed[byte] ^ 0x10);
      transaction.put(table(*environment_, id), key, changed);
      std::size_t problems = 0;
      layout_->verify(
          transaction, [](const ComponentRow&) {}, [&](const std::string&) { ++problems; });
      ASSERT_GT(problems, 0U) << "byte " << byte;
      ASSERT_EQ(testing::error_of([&] { read(layout_->all_by_key(transaction)); }), ErrorCode::corrupt_record)
          << "byte " << byte;
    }
  }
}

TEST(OrderedLayoutBytes, AreAsDocumented) {
  TemporaryFolder folder;
  engine::Environment::create(folder.path("store"), kTables, [](engine::WriteTransaction&) {});
  const auto environment = engine::Environment::open(folder.path("store"), kTables, {});
  const Format& format = *format_numbered(2);
  const OrderedLayout layout(format, false, table(*environment, format.rows),
                             table(*environment, format.unique));
  engine::WriteTransaction transaction = environment->begin_write();
  const Uuid id = *Uuid::parse("00000000-0000-7000-8000-000000000001");
  const Component girder{.id = id, .drawing_id = Uuid{}, .piece_mark = "G1", .instance_identifier = "2"};
  layout.insert(transaction, row_of(girder));
  engine::Cursor rows(transaction, table(*environment, TableId::components_2));
  ASSERT_TRUE(rows.first());
  EXPECT_EQ(engine::to_hex(rows.key()), "00000000000070008000000000000001");
  engine::Cursor entries(transaction, table(*environment, TableId::unique_2));
  ASSERT_TRUE(entries.first());
  EXPECT_EQ(engine::to_hex(entries.key()),
            "01"
            "00000000000000000000000000000000"
            "473100"
            "013200");
  EXPECT_EQ(engine::to_hex(entries.value()),
            "1f208f2707b3ed6d"
            "00000000000070008000000000000001");

  layout.clear(transaction);
  const Component without_drawing{.id = id, .piece_mark = "G1"};
  layout.insert(transaction, row_of(without_drawing));
  engine::Cursor unconstrained(transaction, table(*environment, TableId::unique_2));
  ASSERT_TRUE(unconstrained.first());
  EXPECT_EQ(engine::to_hex(unconstrained.key()),
            "02"
            "473100"
            "02"
            "00000000000070008000000000000001");
}

TEST_P(LayoutTest, MissingAndForeignEntriesAreReported) {
  engine::WriteTransaction transaction = environment_->begin_write();
  Component component = random_component();
  component.drawing_id = Uuid{};
  ASSERT_FALSE(layout_->insert(transaction, row_of(component)));
  const auto problems = [&] {
    std::size_t count = 0;
    layout_->verify(
        transaction, [](const ComponentRow&) {}, [&](const std::string&) { ++count; });
    return count;
  };
  EXPECT_EQ(problems(), 0U);
  transaction.clear(table(*environment_, format_.unique));
  EXPECT_GT(problems(), 0U) << "a row without entry";
  layout_->clear(transaction);
  std::string entry(engine::kChecksumSize, '\0');
  entry.append(16, '\x05');
  engine::seal({table(*environment_, format_.unique).name, "key"}, entry);
  transaction.put(table(*environment_, format_.unique), "key", entry);
  EXPECT_GT(problems(), 0U) << "an entry without row";
}

INSTANTIATE_TEST_SUITE_P(All, LayoutTest, ::testing::ValuesIn(kLayouts),
                         [](const auto& layout) { return layout.param.name; });

}  // namespace
}  // namespace piecemark::index
