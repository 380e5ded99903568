// What every layout promises, held against a plain model, for the layouts that the program says (layout_cases.h).
#include "index/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <tuple>

#include "api/text/json_writer.h"
#include "engine/record.h"
#include "layout_cases.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

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
    engine::Environment::create(folder_.path("store"), table_names_, [](engine::WriteTransaction&) {});
    environment_ = engine::Environment::open(folder_.path("store"), table_names_, {});
    layout_ = GetParam().make(tables_of(GetParam()));
  }

  static std::vector<LayoutCase> all_layouts() {
    LayoutCases cases = layout_cases();
    cases.tested.insert(cases.tested.end(), cases.sources.begin(), cases.sources.end());
    return cases.tested;
  }
  static std::vector<std::string_view> all_tables() {
    std::set<std::string_view> tables;
    for (const LayoutCase& layout : all_layouts()) tables.insert(layout.tables.begin(), layout.tables.end());
    return {tables.begin(), tables.end()};
  }
  std::vector<engine::Table> tables_of(const LayoutCase& layout) const {
    std::vector<engine::Table> tables;
    for (const std::string_view name : layout.tables) {
      const auto at = std::find(table_names_.begin(), table_names_.end(), name);
      tables.push_back(environment_->table(static_cast<std::size_t>(at - table_names_.begin())));
    }
    return tables;
  }

  static std::string read(const std::unique_ptr<RowCursor>& cursor) {
    std::string text;
    for (ComponentRow row; cursor->next(row);) text += text_of(row);
    return text;
  }

  // The same in whatever order the rows come.
  static std::vector<std::string> sorted(const std::string& lines) {
    std::vector<std::string> rows;
    std::istringstream stream(lines);
    for (std::string line; std::getline(stream, line);) rows.push_back(line);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  static std::vector<std::string> read_any(const std::unique_ptr<RowCursor>& cursor) {
    return sorted(read(cursor));
  }

  Uuid small_uuid() {
    Uuid id;
    const auto number = random_() % ids_;
    id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
    id.bytes[15] = static_cast<std::uint8_t>(number);
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
    if (random_() % 4 == 0) component.bounding_box.reset();
    if (random_() % 2 == 0) component.material_type = std::string(random_() % 100, 'S');
    if (random_() % 2 == 0) component.component_type = kMarks[random_() % kMarks.size()];
    if (random_() % 3 == 0)
      component.review_status = random_() % 2 == 0 ? std::nullopt : std::optional("done");
    if (random_() % 3 == 0) component.quantity = random_() % 2 == 0 ? std::nullopt : std::optional(1);
    if (random_() % 2 == 0) component.location_x = static_cast<double>(random_()) / 3;
    if (random_() % 2 == 0) component.location_y = -0.0;
    if (random_() % 5 == 0) component.confidence_score = 0.5;
    component.created_at = component.updated_at = Timestamp{static_cast<std::int64_t>(random_())};
    if (random_() % 3 == 0) component.updated_at = Timestamp{static_cast<std::int64_t>(random_())};
    if (random_() % 6 == 0) component.created_at.reset();
    if (format_.has(Column::instance_identifier) && random_() % 3 != 0)
      component.instance_identifier = std::to_string(random_() % instances_);
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
    ASSERT_EQ(read(layout_->all_by_id(transaction, environment_->folder())), by_id);
    const Component probe = random_component();
    const auto in_drawing = [&](const Component& row) { return row.drawing_id == probe.drawing_id; };
    const auto of_mark = [&](const Component& row) {
      return in_drawing(row) && row.piece_mark == probe.piece_mark;
    };
    const auto with_key = [&](const Component& row) {
      return of_mark(row) && row.instance_identifier == probe.instance_identifier;
    };
    const InstanceKey instance = row_of(probe).instance_identifier;
    using Order = Layout::Order;
    const std::string rows_in_drawing = model_.by_key(in_drawing);
    const std::string rows_of_mark = model_.by_key(of_mark);
    ASSERT_EQ(read(layout_->in_drawing(transaction, probe.drawing_id, Order::by_key)), rows_in_drawing);
    ASSERT_EQ(read_any(layout_->in_drawing(transaction, probe.drawing_id, Order::any)),
              sorted(rows_in_drawing));
    ASSERT_EQ(read(layout_->instances(transaction, probe.drawing_id, probe.piece_mark, Order::by_key)),
              rows_of_mark);
    ASSERT_EQ(read_any(layout_->instances(transaction, probe.drawing_id, probe.piece_mark, Order::any)),
              sorted(rows_of_mark));
    ASSERT_EQ(read_any(layout_->scan(transaction)), sorted(by_id));
    const std::string same_key = model_.by_key(with_key);
    ASSERT_EQ(read(layout_->with_key(transaction, probe.drawing_id, probe.piece_mark, instance)), same_key);
    const auto found = layout_->find(transaction, probe.drawing_id, probe.piece_mark, instance);
    ASSERT_EQ(found ? text_of(*found) : "", same_key.substr(0, same_key.find('\n') + 1));
    const auto got = layout_->get(transaction, probe.id);
    ASSERT_EQ(got ? text_of(*got) : "",
              model_.rows().contains(probe.id) ? text_of(row_of(model_.rows().at(probe.id))) : "");
  }

  void expect_sound(const engine::ReadTransaction& transaction) {
    std::string problems;
    std::uint64_t visited = 0;
    layout_->verify(
        transaction, [&](const ComponentRow&) { ++visited; },
        [&](const std::string& problem) { problems += problem + "\n"; });
    EXPECT_EQ(problems, "");
    EXPECT_EQ(visited, model_.rows().size());
  }

  void insert(engine::WriteTransaction& transaction, const Component& component) {
    const auto writer = layout_->writer(transaction);
    ASSERT_FALSE(writer->insert(row_of(component)));
    writer->flush();
  }

  void run_random_operations(int count, int look_every, bool is_gentle);

  static std::string name_of_conflict(const std::optional<Conflict>& conflict) {
    if (!conflict) return "none";
    return (conflict->on == Conflict::On::id ? "id " : "key ") + conflict->existing.to_string();
  }

  TemporaryFolder folder_;
  const Format& format_ = *GetParam().format;
  const std::vector<std::string_view> table_names_ = all_tables();
  std::shared_ptr<engine::Environment> environment_;
  std::unique_ptr<Layout> layout_;
  Model model_{format_, GetParam().nulls_not_distinct};
  std::mt19937 random_{4711};
  unsigned ids_ = 60;
  unsigned instances_ = 12;
};

// `is_gentle` has more insertions than deletions, so that there come to be many rows.
void LayoutTest::run_random_operations(int count, int look_every, bool is_gentle) {
  engine::WriteTransaction transaction = environment_->begin_write();
  const auto writer = layout_->writer(transaction);
  for (int i = 0; i < count; ++i) {
    const Component component = random_component();
    const auto present = model_.rows().find(small_uuid());
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2: {
        const auto conflict = writer->insert(row_of(component));
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
        if (random_() % 2 == 0) {
          after.id = before.id;
          after.drawing_id = before.drawing_id;
          after.piece_mark = before.piece_mark;
          after.instance_identifier = before.instance_identifier;
        }
        const auto conflict = writer->replace(row_of(before), row_of(after));
        ASSERT_EQ(name_of_conflict(conflict), name_of_conflict(model_.conflict_of(after, before.id)));
        if (!conflict) {
          model_.rows().erase(before.id);
          model_.rows()[after.id] = after;
        }
        break;
      }
      case 5:
      case 6: {
        if (present == model_.rows().end() || (is_gentle && random_() % 3 != 0)) break;
        const Component gone = present->second;
        writer->erase(row_of(gone));
        model_.rows().erase(gone.id);
        break;
      }
      default: {
        if (random_() % (is_gentle ? 400 : 20) != 0 || !component.drawing_id) break;
        const auto erased = std::erase_if(
            model_.rows(), [&](const auto& row) { return row.second.drawing_id == component.drawing_id; });
        ASSERT_EQ(writer->erase_drawing(*component.drawing_id), erased);
      }
    }
    if (i % look_every == 0) {
      writer->flush();
      expect_same(transaction);
    }
    if (HasFatalFailure()) return;
  }
  writer->flush();
  transaction.commit();
  const engine::ReadTransaction snapshot = environment_->begin_read();
  expect_same(snapshot);
  expect_sound(snapshot);
}

TEST_P(LayoutTest, RandomOperationsAgreeWithTheModel) {
  run_random_operations(6000, 25, false);
}

TEST_P(LayoutTest, RandomOperationsOnManyRowsAgreeWithTheModel) {
  ids_ = 2000;
  instances_ = 500;
  run_random_operations(12'000, 1000, true);
  if (format_.has(Column::instance_identifier)) {
    EXPECT_GT(model_.rows().size(), 500U);
  }
}

TEST_P(LayoutTest, IsFilledFromEveryOther) {
  for (int i = 0; i < 300; ++i) {
    const Component component = random_component();
    if (!model_.conflict_of(component, std::nullopt)) model_.rows()[component.id] = component;
  }
  for (const LayoutCase& other : all_layouts()) {
    const bool is_alike =
        other.format->columns == format_.columns && other.nulls_not_distinct == GetParam().nulls_not_distinct;
    if (!is_alike || other.tables == GetParam().tables) continue;
    const auto source = other.make(tables_of(other));
    engine::WriteTransaction transaction = environment_->begin_write();
    const auto writer = source->writer(transaction);
    for (const auto& [id, row] : model_.rows()) ASSERT_FALSE(writer->insert(row_of(row)));
    writer->flush();
    std::array<std::uint64_t, 2> rows_seen{};
    std::size_t passes = 0;
    layout_->fill(transaction, *source, transaction,
                  {[&](FillWatch::Pass) { ++passes; }, [&] { ++rows_seen.at(passes - 1); }});
    EXPECT_EQ(rows_seen[0] + rows_seen[1], 2 * model_.rows().size()) << other.name;
    expect_same(transaction);
    expect_sound(transaction);
    layout_->clear(transaction);
    EXPECT_EQ(layout_->count(transaction), 0U);
  }
}

// Two rows with the same key, a NULL in it, which only a source with NULLS DISTINCT can have.
TEST_P(LayoutTest, IsNotFilledWithTwoRowsOfOneKey) {
  for (const LayoutCase& other : all_layouts()) {
    const bool is_looser = !other.nulls_not_distinct && GetParam().nulls_not_distinct &&
                           other.format->columns == format_.columns && other.tables != GetParam().tables;
    if (!is_looser) continue;
    const auto source = other.make(tables_of(other));
    engine::WriteTransaction transaction = environment_->begin_write();
    const auto writer = source->writer(transaction);
    for (int i = 0; i < 2; ++i) {
      const Component component{.id = Uuid::generate(), .piece_mark = "G1"};
      ASSERT_FALSE(writer->insert(row_of(component)));
    }
    writer->flush();
    const FillWatch watch{[](FillWatch::Pass) {}, [] {}};
    EXPECT_EQ(error_of([&] { layout_->fill(transaction, *source, transaction, watch); }),
              ErrorCode::corrupt_file)
        << other.name;
  }
}

// Damage in every byte of every value is reported by verify, and never read as another row.
TEST_P(LayoutTest, DamagedValuesAreReported) {
  Component component = random_component();
  component.drawing_id = Uuid{};
  {
    engine::WriteTransaction transaction = environment_->begin_write();
    insert(transaction, component);
    transaction.commit();
  }
  for (const engine::Table& table : tables_of(GetParam())) {
    engine::WriteTransaction transaction = environment_->begin_write();
    std::string key;
    std::string value;
    {
      engine::Cursor cursor(transaction, table);
      ASSERT_TRUE(cursor.first());
      key = cursor.key();
      value = cursor.value();
    }
    for (std::size_t byte = 0; byte < value.size(); ++byte) {
      std::string changed = value;
      changed[byte] = static_cast<char>(changed[byte] ^ 0x10);
      transaction.put(table, key, changed);
      std::size_t problems = 0;
      layout_->verify(
          transaction, [](const ComponentRow&) {}, [&](const std::string&) { ++problems; });
      ASSERT_GT(problems, 0U) << "byte " << byte;
      // Together, these read all tables.
      ASSERT_EQ(error_of([&] {
                  read(layout_->all_by_key(transaction));
                  read(layout_->all_by_id(transaction, environment_->folder()));
                  layout_->find(transaction, component.drawing_id, component.piece_mark,
                                component.instance_identifier);
                }),
                ErrorCode::corrupt_record)
          << "byte " << byte;
    }
  }
}

TEST_P(LayoutTest, MissingAndForeignEntriesAreReported) {
  engine::WriteTransaction transaction = environment_->begin_write();
  Component component = random_component();
  component.drawing_id = Uuid{};
  insert(transaction, component);
  const auto problems = [&] {
    std::size_t count = 0;
    layout_->verify(
        transaction, [](const ComponentRow&) {}, [&](const std::string&) { ++count; });
    return count;
  };
  EXPECT_EQ(problems(), 0U);
  const std::vector<engine::Table> tables = tables_of(GetParam());
  for (std::size_t i = 1; i < tables.size(); ++i) {
    transaction.clear(tables[i]);
    EXPECT_GT(problems(), 0U) << "a row without entry in " << tables[i].name;
    layout_->clear(transaction);
    std::string entry(engine::kChecksumSize, '\0');
    entry.append(16, '\x05');
    engine::seal({tables[i].name, "key"}, entry);
    transaction.put(tables[i], "key", entry);
    EXPECT_GT(problems(), 0U) << "an entry without row in " << tables[i].name;
    layout_->clear(transaction);
    insert(transaction, component);
    EXPECT_EQ(problems(), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, LayoutTest, ::testing::ValuesIn(layout_cases().tested),
                         [](const auto& layout) { return layout.param.name; });

}  // namespace
}  // namespace piecemark::index
