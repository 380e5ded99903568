// Files of every released format, as the programs of tests/fixtures wrote them: read as they are, written
// only after an upgrade, and taken from every format to every other and back. What there is to test follows
// from the formats that the library knows and from the names of the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <set>

#include "api/text/json_writer.h"
#include "piecemark/migration.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

namespace fs = std::filesystem;
using testing::dump;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

const fs::path kFixtures = fs::path(PIECEMARK_SOURCE_DIR) / "tests/fixtures";
constexpr std::string_view kExtension = ".pmk";
constexpr std::string_view kNullsNotDistinct = "-nulls-not-distinct";

// Of every format that the library knows the two that must be there, and whatever else lies there.
std::set<std::string> fixture_names() {
  std::set<std::string> names;
  for (const FormatInfo& format : known_formats()) {
    const std::string name = "format-" + std::to_string(format.number);
    names.insert(name);
    names.insert(name + std::string(kNullsNotDistinct));
  }
  for (const auto& file : fs::directory_iterator(kFixtures)) {
    const std::string name = file.path().stem().string();
    if (file.path().extension() == kExtension && name.starts_with("format-")) names.insert(name);
  }
  return names;
}

std::uint32_t format_of(std::string_view name) {
  std::uint32_t format = 0;
  name.remove_prefix(std::string_view("format-").size());
  std::from_chars(name.data(), name.data() + name.size(), format);
  return format;
}

std::uint32_t base_format() {
  return known_formats().front().number;
}
std::uint32_t head_format() {
  return known_formats().back().number;
}

// A migration between two formats, one of which a fixture has.
struct Journey {
  std::string fixture;
  std::uint32_t target = 0;
};

std::vector<Journey> journeys() {
  std::vector<Journey> all;
  for (const std::string& name : fixture_names()) {
    for (const FormatInfo& format : known_formats()) {
      if (format.number != format_of(name)) all.push_back({name, format.number});
    }
  }
  return all;
}

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string name_of_journey(const ::testing::TestParamInfo<Journey>& journey) {
  return with_underscores(journey.param.fixture) + "_to_" + std::to_string(journey.param.target);
}

std::uint64_t bits_of(std::optional<double> number) {
  return number ? std::bit_cast<std::uint64_t>(*number) : 0;
}

// A row with every bit: text shows all NaNs alike.
std::string exact(const ComponentRow& row) {
  std::string text;
  text::append_json(text, row);
  for (const auto number : {row.location_x, row.location_y, row.confidence_score}) {
    text += ' ' + std::to_string(bits_of(number));
  }
  return text;
}

// Everything that is in the tables, with every bit.
std::string whole(const Store& store) {
  const ReadTxn snapshot = store.read();
  std::string text = dump(snapshot);
  for (const ComponentView& component : snapshot.sorted()) text += exact(component.row()) + '\n';
  return text;
}

ColumnSet shared_columns(std::uint32_t a, std::uint32_t b) {
  return columns_of_format(a).intersection(columns_of_format(b));
}

std::string without_columns(Component component, ColumnSet kept) {
  for_each_column(component, [&](Column column, auto& value) {
    if constexpr (requires { value = std::nullopt; }) {
      if (!kept.contains(column)) value = std::nullopt;
    }
  });
  return exact(row_of(component));
}

// The rows of the table under their ids, as far as these columns go.
std::map<Uuid, std::string> rows(const Store& store, ColumnSet columns) {
  std::map<Uuid, std::string> all;
  const ReadTxn snapshot = store.read();
  for (const ComponentView& row : snapshot.scan()) {
    all.emplace(row.id(), without_columns(row.to_component(), columns));
  }
  return all;
}

std::vector<std::string> problems(const Store& store) {
  const Verification found = verify(store.read());
  return found.problems;
}

// Calls everything that reads.
void read_everything(const Store& store) {
  const ReadTxn snapshot = store.read();
  for (const ComponentView& row : snapshot.scan()) {
    const std::string expected = exact(row.row());
    EXPECT_EQ(exact(snapshot.get(row.id())->row()), expected);
    std::vector<std::string> found;
    for (const ComponentView& same :
         snapshot.with_key(row.drawing_id(), row.piece_mark(), row.instance_identifier())) {
      found.push_back(exact(same.row()));
    }
    EXPECT_THAT(found, ::testing::Contains(expected));
    const auto first = snapshot.find(row.drawing_id(), row.piece_mark(), row.instance_identifier());
    EXPECT_EQ(exact(first->row()), found.front());
    found.clear();
    for (const ComponentView& instance : snapshot.instances(row.drawing_id(), row.piece_mark())) {
      found.push_back(exact(instance.row()));
    }
    EXPECT_THAT(found, ::testing::Contains(expected));
    EXPECT_FALSE(snapshot.next_instance_identifier(row.drawing_id(), row.piece_mark()).empty());
  }
  std::uint64_t components = 0;
  const auto count_in = [&](const std::optional<Uuid>& drawing) {
    for ([[maybe_unused]] const ComponentView& row : snapshot.in_drawing(drawing)) ++components;
  };
  for (const Drawing& drawing : snapshot.drawings()) {
    EXPECT_EQ(snapshot.drawing(drawing.id), drawing);
    count_in(drawing.id);
  }
  count_in(std::nullopt);
  EXPECT_EQ(components, snapshot.component_count());
  EXPECT_EQ(fingerprint(snapshot, ColumnSet::all()).components.rows, components);
  EXPECT_EQ(fingerprint(snapshot, ColumnSet::all()).drawings.rows, snapshot.drawing_count());
  EXPECT_EQ(history(snapshot).size(), store.info().migrations);
}

// A copy of a fixture in a folder of its own.
class FixtureCopy : public ::testing::Test {
 protected:
  void copy(const std::string& name) {
    for (const std::string_view extension :
         {kExtension, std::string_view(".drawings.ndjson"), std::string_view(".components.ndjson")}) {
      const fs::path file = kFixtures / (name + std::string(extension));
      ASSERT_TRUE(fs::exists(file)) << "format " << format_of(name) << " has no fixture: there is no " << file
                                    << "; tests/fixtures/CMakeLists.txt says how to add it";
    }
    name_ = name;
    fs::copy_file(kFixtures / (name + std::string(kExtension)), path_);
  }

  std::string expected(const std::string& what) const {
    return testing::read_file((kFixtures / (name_ + "." + what + ".ndjson")).string());
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("copy.pmk");
  std::string name_;
};

class Fixture : public FixtureCopy, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { copy(GetParam()); }
};

TEST_P(Fixture, IsReadAsItIs) {
  const std::string bytes = testing::read_file(path_);
  {
    const Store store = Store::open(path_, {.read_only = true});
    EXPECT_EQ(store.info().format, format_of(name_));
    EXPECT_EQ(store.info().nulls_not_distinct, name_.ends_with(kNullsNotDistinct));
    EXPECT_EQ(problems(store), std::vector<std::string>());
    read_everything(store);
  }
  EXPECT_TRUE(testing::read_file(path_) == bytes) << "reading has changed the file";
}

TEST_P(Fixture, IsExportedAsExpected) {
  const std::string bytes = testing::read_file(path_);
  const std::string drawings = folder_.path("drawings.ndjson");
  const std::string components = folder_.path("components.ndjson");
  const auto finished =
      testing::piecemark({"export", path_, "--drawings", drawings, "--components", components});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(testing::read_file(drawings), expected("drawings"));
  EXPECT_EQ(testing::read_file(components), expected("components"));
  for (const char* verb : {"info", "current", "history", "fingerprint", "verify"}) {
    EXPECT_EQ(testing::piecemark({verb, path_}).status, 0) << verb;
  }
  EXPECT_EQ(testing::piecemark({"check", path_}).status, format_of(name_) == head_format() ? 0 : 1);
  EXPECT_TRUE(testing::read_file(path_) == bytes) << "reading has changed the file";
}

// What is exported is all that there is: it makes a file of the same content.
TEST_P(Fixture, IsImportedFromItsText) {
  const std::string made = folder_.path("made.pmk");
  std::vector<std::string> create{"create", made, "--format", std::to_string(format_of(name_))};
  if (name_.ends_with(kNullsNotDistinct)) create.emplace_back("--nulls-not-distinct");
  ASSERT_EQ(testing::piecemark(create).status, 0);
  const auto finished =
      testing::piecemark({"import", made, "--format", std::to_string(format_of(name_)), "--drawings",
                          folder_.write("d.ndjson", expected("drawings")), "--components",
                          folder_.write("c.ndjson", expected("components"))});
  ASSERT_EQ(finished.status, 0) << finished.err;
  const ReadTxn snapshot = Store::open(path_, {.read_only = true}).read();
  const ReadTxn copy = Store::open(made, {.read_only = true}).read();
  EXPECT_EQ(fingerprint(copy, ColumnSet::all()), fingerprint(snapshot, ColumnSet::all()));
}

TEST_P(Fixture, OfAnOlderFormatAsksForTheUpgradeBeforeItIsWritten) {
  const std::string bytes = testing::read_file(path_);
  {
    Store store = Store::open(path_);
    try {
      WriteTxn transaction = store.write();
      EXPECT_EQ(format_of(name_), head_format());
    } catch (const Error& error) {
      EXPECT_NE(format_of(name_), head_format());
      EXPECT_EQ(error.code(), ErrorCode::format_too_old);
      EXPECT_THAT(error.facts().next, HasSubstr("piecemark upgrade"));
    }
  }
  EXPECT_TRUE(testing::read_file(path_) == bytes) << "the refused transaction has changed the file";
}

TEST_P(Fixture, TakesRowsInItsOwnFormatAndGivesThemBack) {
  Store store = Store::open(path_, {.write_older_format = true});
  const std::string before = whole(store);
  const Uuid drawing = Uuid::generate();
  WriteTxn first = store.write();
  first.insert_drawing({.id = drawing, .name = "new"});
  for (int i = 0; i < 500; ++i) {
    first.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i)});
  }
  first.commit();
  EXPECT_EQ(problems(store), std::vector<std::string>());
  EXPECT_EQ(store.info().format, format_of(name_));
  WriteTxn second = store.write();
  EXPECT_TRUE(second.erase_drawing(drawing));
  second.commit();
  EXPECT_EQ(problems(store), std::vector<std::string>());
  EXPECT_EQ(whole(store), before);
}

// Migrates unless the store has the format already.
void go(Store& store, std::uint32_t format) {
  migrate(store, format, {.on_loss = OnLoss::stash});
  ASSERT_EQ(store.info().format, format);
  ASSERT_EQ(problems(store), std::vector<std::string>());
}

TEST_P(Fixture, GoesTheWholeWayUpAndDownTwice) {
  Store store = Store::open(path_);
  const std::string original = whole(store);
  const std::uint64_t stashed_originally = store.info().stash_entries;
  std::vector<std::string> at_base;
  std::vector<std::string> at_head;
  for (int round = 0; round < 2; ++round) {
    ASSERT_NO_FATAL_FAILURE(go(store, base_format()));
    at_base.push_back(whole(store));
    ASSERT_NO_FATAL_FAILURE(go(store, head_format()));
    at_head.push_back(whole(store));
    EXPECT_EQ(store.info().stash_entries, 0U);
  }
  EXPECT_EQ(at_base[0], at_base[1]);
  EXPECT_EQ(at_head[0], at_head[1]);
  ASSERT_NO_FATAL_FAILURE(go(store, format_of(name_)));
  EXPECT_EQ(whole(store), original);
  EXPECT_EQ(store.info().stash_entries, stashed_originally);
}

TEST_P(Fixture, InItsOwnFormatHasNowhereToGo) {
  const std::string bytes = testing::read_file(path_);
  {
    Store store = Store::open(path_);
    EXPECT_EQ(migrate(store, format_of(name_), {.on_loss = OnLoss::stash}), std::nullopt);
  }
  EXPECT_TRUE(testing::read_file(path_) == bytes) << "nothing to do, and yet the file is another";
}

INSTANTIATE_TEST_SUITE_P(Every, Fixture, ::testing::ValuesIn(fixture_names()),
                         [](const auto& name) { return with_underscores(name.param); });

// Names of the steps on the way.
std::vector<std::string> steps_between(std::uint32_t from, std::uint32_t to) {
  std::vector<std::string> steps;
  for (const FormatInfo& format : known_formats()) {
    if (format.number > std::min(from, to) && format.number <= std::max(from, to)) {
      steps.emplace_back(format.step);
    }
  }
  if (from > to) std::reverse(steps.begin(), steps.end());
  return steps;
}

class Migrations : public FixtureCopy, public ::testing::WithParamInterface<Journey> {
 protected:
  void SetUp() override {
    copy(GetParam().fixture);
    if (!HasFatalFailure()) store_.emplace(Store::open(path_));
  }

  // Migrates and checks what holds for every migration.
  Receipt take(std::uint32_t to, const MigrationOptions& options) {
    const std::uint32_t from = store_->info().format;
    const std::vector<Receipt> earlier = history(store_->read());
    const ColumnSet shared = shared_columns(from, to);
    const bool stash_is_empty = store_->info().stash_entries == 0;
    const ContentFingerprint before = fingerprint(store_->read(), shared);
    const auto receipt = migrate(*store_, to, options);
    if (!receipt) throw std::runtime_error("nothing was migrated");

    EXPECT_EQ(store_->info().format, to);
    EXPECT_EQ(problems(*store_), std::vector<std::string>());
    expect_added(earlier, *receipt);
    EXPECT_EQ(receipt->number, earlier.size() + 1);
    EXPECT_EQ(receipt->from, from);
    EXPECT_EQ(receipt->to, to);
    EXPECT_EQ(receipt->steps, steps_between(from, to));
    EXPECT_EQ(receipt->library_version, kVersion.to_string());
    EXPECT_GE(receipt->duration_us, 0);
    EXPECT_EQ(store_->info().migrated_by, kVersion);
    EXPECT_GE(store_->info().migrated_at, receipt->started_at);
    EXPECT_TRUE(same_content(receipt->before, receipt->after));
    EXPECT_EQ(receipt->left_over, 0U);
    EXPECT_EQ(receipt->after.rows_in_table, store_->info().components);
    EXPECT_EQ(receipt->before.drawings, before.drawings);
    if (stash_is_empty) {
      EXPECT_EQ(receipt->before.components, before.components);
    }
    if (store_->info().stash_entries == 0) {
      EXPECT_EQ(receipt->after.components, fingerprint(store_->read(), shared).components);
    }
    return *receipt;
  }

  // The history is that of before, and the receipt. The way back starts with what the way there ended with.
  void expect_added(std::vector<Receipt> earlier, const Receipt& receipt) const {
    if (!earlier.empty() && earlier.back().from == receipt.to && earlier.back().to == receipt.from) {
      EXPECT_EQ(receipt.before, earlier.back().after);
      EXPECT_EQ(receipt.after, earlier.back().before);
    }
    earlier.push_back(receipt);
    EXPECT_EQ(history(store_->read()), earlier);
  }

  std::optional<Store> store_;
};

TEST_P(Migrations, ThereAndBackLoseNothing) {
  const std::uint32_t from = format_of(name_);
  const std::uint32_t to = GetParam().target;
  const std::string original = whole(*store_);
  const std::uint64_t stash_entries = store_->info().stash_entries;
  const ColumnSet shared = shared_columns(from, to);
  const std::map<Uuid, std::string> rows_before = rows(*store_, shared);

  std::vector<Component> set_aside;
  const Receipt there = take(to, {.on_loss = OnLoss::stash, .on_set_aside = [&](const SetAside& entry) {
                                    if (entry.what == SetAside::What::row)
                                      set_aside.push_back(entry.component);
                                  }});
  EXPECT_EQ(there.stashed_rows, set_aside.size());
  std::map<Uuid, std::string> accounted_for = rows(*store_, shared);
  EXPECT_EQ(accounted_for.size(), rows_before.size() - there.stashed_rows + there.returned_rows);
  for (const Component& row : set_aside) {
    EXPECT_TRUE(accounted_for.emplace(row.id, without_columns(row, shared)).second)
        << row.id.to_string() << " was set aside, and stayed";
  }
  for (const auto& [id, row] : rows_before) EXPECT_EQ(accounted_for[id], row);

  const Receipt back = take(from, {.on_loss = OnLoss::stash});
  EXPECT_EQ(whole(*store_), original);
  EXPECT_EQ(store_->info().stash_entries, stash_entries);
  EXPECT_EQ(back.stashed_rows, there.returned_rows);
  EXPECT_EQ(back.stashed_identifiers, there.returned_identifiers);
  EXPECT_EQ(back.returned_rows, there.stashed_rows);
  EXPECT_EQ(back.returned_identifiers, there.stashed_identifiers);
}

// A downgrade that would lose something is refused unless it may set it aside; another one just runs.
TEST_P(Migrations, WithoutLeaveToSetAsideLoseNothingEither) {
  const std::string original = whole(*store_);
  const std::uint64_t migrations = store_->info().migrations;
  std::uint64_t reported = 0;
  try {
    const Receipt receipt = take(GetParam().target, {.on_set_aside = [&](const SetAside&) { ++reported; }});
    EXPECT_EQ(receipt.stashed_rows + receipt.stashed_identifiers, 0U);
    EXPECT_EQ(reported, 0U);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::downgrade_refused);
    EXPECT_LT(GetParam().target, format_of(name_));
    EXPECT_GT(reported, 0U);
    EXPECT_EQ(store_->info().migrations, migrations);
    EXPECT_EQ(whole(*store_), original);
    EXPECT_EQ(problems(*store_), std::vector<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Migrations, ::testing::ValuesIn(journeys()), name_of_journey);

// Those whose result stands beside the fixture: what was set aside by an earlier downgrade.
std::string expected_after(const Journey& journey) {
  return "at-" + std::to_string(journey.target) + ".components";
}

std::vector<Journey> foretold_journeys() {
  std::vector<Journey> all = journeys();
  std::erase_if(all, [](const Journey& journey) {
    return !fs::exists(kFixtures / (journey.fixture + "." + expected_after(journey) + ".ndjson"));
  });
  return all;
}

class ForetoldMigrations : public Migrations {};

TEST_P(ForetoldMigrations, EndInTheContentThatIsExpected) {
  take(GetParam().target, {.on_loss = OnLoss::stash});
  std::string text;
  const ReadTxn snapshot = store_->read();
  for (const ComponentView& component : snapshot.sorted()) {
    text::append_json(text, component.row());
    text += '\n';
  }
  EXPECT_EQ(text, expected(expected_after(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Every, ForetoldMigrations, ::testing::ValuesIn(foretold_journeys()),
                         name_of_journey);

}  // namespace
}  // namespace piecemark
