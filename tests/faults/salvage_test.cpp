// Damages files of every format, page by page and by chance, and salvages them. Whatever the damage: every row that
// comes out was committed at some time with that content, every live row whose own bytes are whole comes out, and the
// new file is a sound one.
#include "piecemark/salvage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "api/text/json_writer.h"
#include "engine/damaged_file.h"
#include "engine/lmdb_pages.h"
#include "index/row_entries.h"
#include "piecemark/migration.h"
#include "tests/api/site.h"
#include "tests/support/process.h"
#include "tests/support/torture.h"

namespace piecemark {
namespace {

using engine::DamagedFile;
using testing::error_of;
using testing::TemporaryFolder;

constexpr std::uint64_t kPage = 4096;
const OpenOptions kOpen{.write_older_format = true};

std::string json_of(const ComponentRow& row) {
  std::string text;
  text::append_json(text, row);
  return text;
}

using Rows = std::map<Uuid, std::string>;  // by id, as JSON

Rows rows_of(const Store& store) {
  Rows rows;
  const ReadTxn snapshot = store.read();
  for (const ComponentView& component : snapshot.scan()) rows[component.id()] = json_of(component.row());
  return rows;
}

// The pages that what a row is made of lies on.
using Pages = std::set<std::uint64_t>;

// A file with a history: rows changed, deleted and moved, so that stale pages abound.
struct Sample {
  std::uint32_t format = 0;
  std::string bytes;
  Rows live;
  Rows before;                                     // of the commit before the last one
  std::map<Uuid, std::set<std::string>> versions;  // everything that was ever committed
  std::map<Uuid, Pages> pages;                     // of the live rows
  std::map<Uuid, std::optional<std::string>> drawings;

  std::uint64_t page_count() const { return bytes.size() / kPage; }
  std::uint64_t newest_meta() const {
    const auto transaction = [&](std::uint64_t page) {
      return engine::load<std::uint64_t>(bytes.data() + page * kPage + 16 + 128);
    };
    return transaction(1) > transaction(0) ? 1 : 0;
  }
};

std::map<Uuid, Pages> pages_of_rows(const std::string& path, std::uint32_t format) {
  engine::os::File file;
  EXPECT_FALSE(engine::os::open_file(path, engine::os::Access::read, file));
  DamagedFile reader(file);
  const index::RowEntries entries(*index::format_numbered(format));
  std::map<Uuid, Pages> pages;
  reader.walk(
      entries.table(),
      [&](const DamagedFile::Entry& entry) {
        // The page that only names the pages of a block can be done without.
        Pages own;
        if (entry.overflow_page == 0 || format < 3) own.insert(entry.page);
        const std::uint64_t more = entry.overflow_page == 0 ? 0 : (15 + entry.value.size()) / kPage + 1;
        for (std::uint64_t i = 0; i < more; ++i) own.insert(entry.overflow_page + i);
        entries.read(
            entry.key, entry.value, [&](const index::RowEntries::Row& row) { pages[row.row.id] = own; },
            [](const index::RowEntries::Loss&) { ADD_FAILURE(); });
      },
      [](const DamagedFile::Range&) { ADD_FAILURE(); });
  return pages;
}

class SampleMaker {
 public:
  explicit SampleMaker(std::uint32_t format) { sample_.format = format; }

  Sample make() {
    const std::string path = folder_.path("site.pmk");
    Store::create(path, {.format = sample_.format});
    {
      Store store = Store::open(path, kOpen);
      commit(store, [&](WriteTxn& txn) {
        for (unsigned d = 0; d < 6; ++d) {
          drawings_.push_back(txn.insert_drawing({.name = "S-" + std::to_string(d)}));
        }
        for (unsigned i = 0; i < 160; ++i) insert(txn, i);
      });
      for (unsigned round = 0; round < 4; ++round) {
        commit(store, [&](WriteTxn& txn) {
          std::shuffle(ids_.begin(), ids_.end(), random_);  // Each transaction writes a row once.
          for (unsigned i = 0; i < 15; ++i) change(txn, ids_[i]);
          for (unsigned i = 0; i < 10; ++i) txn.erase(ids_[15 + i]);
          ids_.erase(ids_.begin() + 15, ids_.begin() + 25);
          for (unsigned i = 0; i < 20; ++i) insert(txn, 1000 * (round + 1) + i);
        });
      }
      const ReadTxn snapshot = store.read();
      for (const Drawing& drawing : snapshot.drawings()) sample_.drawings[drawing.id] = drawing.name;
    }
    sample_.bytes = testing::read_file(path);
    sample_.pages = pages_of_rows(path, sample_.format);
    return std::move(sample_);
  }

 private:
  template <class Changes>
  void commit(Store& store, const Changes& changes) {
    WriteTxn txn = store.write();
    changes(txn);
    txn.commit();
    sample_.before = std::move(sample_.live);
    sample_.live = rows_of(store);
    for (const auto& [id, row] : sample_.live) sample_.versions[id].insert(row);
  }
  void insert(WriteTxn& txn, unsigned number) {
    Component row{.drawing_id = drawings_[random_() % drawings_.size()],
                  .piece_mark = "G" + std::to_string(number)};
    if (number % 50 == 7) row.drawing_id.reset();
    if (number % 40 == 3) row.bounding_box = "[" + std::string(5000, '1') + "]";
    if (number % 3 == 0 && sample_.format > 1) row.instance_identifier = std::to_string(number % 5);
    ids_.push_back(txn.insert(row));
  }
  void change(WriteTxn& txn, const Uuid& id) {
    txn.update(id, {.material_type = "S" + std::to_string(random_())});
  }

  TemporaryFolder folder_;
  std::mt19937 random_{7};
  Sample sample_;
  std::vector<Uuid> drawings_;
  std::vector<Uuid> ids_;
};

const Sample& sample(std::uint32_t format) {
  static std::map<std::uint32_t, Sample> samples;
  const auto found = samples.find(format);
  return found != samples.end() ? found->second
                                : samples.emplace(format, SampleMaker(format).make()).first->second;
}

class SalvageTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  const Sample& sound() const { return sample(GetParam()); }

  struct Salvaged {
    SalvageReport report;
    Rows rows;
    std::map<Uuid, std::optional<std::string>> drawings;
  };

  // nullopt where nothing could be read.
  std::optional<Salvaged> salvaged(const std::string& bytes, const SalvageOptions& options = {}) {
    const std::string from = folder_.write("damaged.pmk", bytes);
    const std::string to = folder_.path("salvaged.pmk");
    Salvaged result;
    try {
      result.report = salvage(from, to, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_file) << error.what();
      EXPECT_FALSE(std::filesystem::exists(to));
      EXPECT_EQ(testing::read_file(from), bytes);
      return std::nullopt;
    }
    {
      const Store store = Store::open(to, {.read_only = true});
      const Verification verification = verify(store.read());
      EXPECT_TRUE(verification.is_clean()) << verification.problems.front();
      result.rows = rows_of(store);
      const ReadTxn snapshot = store.read();
      for (const Drawing& drawing : snapshot.drawings()) result.drawings[drawing.id] = drawing.name;
    }
    EXPECT_EQ(result.report.components, result.rows.size());
    EXPECT_EQ(testing::read_file(from), bytes);
    std::filesystem::remove(to);
    std::filesystem::remove(to + "-lock");
    return result;
  }

  void expect_committed(const Rows& rows) const {
    for (const auto& [id, row] : rows) {
      const auto versions = sound().versions.find(id);
      ASSERT_NE(versions, sound().versions.end()) << "never committed: " << row;
      ASSERT_TRUE(versions->second.contains(row)) << "never so: " << row;
    }
  }

  static bool is_in_conflict(const SalvageReport& report, const Uuid& id) {
    return std::any_of(report.conflicts.begin(), report.conflicts.end(),
                       [&](const SalvageReport::Conflict& conflict) { return conflict.left_out.id == id; });
  }

  // Live rows that have no part in the damaged pages come out as they are.
  void expect_untouched(const Salvaged& result, const Pages& damaged) const {
    const bool is_last_commit_in_doubt = damaged.contains(sound().newest_meta());
    for (const auto& [id, row] : sound().live) {
      const Pages& own = sound().pages.at(id);
      if (std::any_of(own.begin(), own.end(), [&](auto page) { return damaged.contains(page); })) continue;
      if (is_last_commit_in_doubt) {
        const auto before = sound().before.find(id);
        if (before == sound().before.end() || before->second != row) continue;
      }
      if (is_in_conflict(result.report, id)) continue;
      const auto found = result.rows.find(id);
      ASSERT_NE(found, result.rows.end()) << "lost: " << row;
      ASSERT_EQ(found->second, row);
    }
  }

  void expect_sense(const std::string& bytes, const Pages& damaged) {
    const auto result = salvaged(bytes);
    ASSERT_TRUE(result || damaged.size() >= sound().page_count() / 2);
    if (!result) return;
    expect_committed(result->rows);
    expect_untouched(*result, damaged);
    EXPECT_TRUE(!result->report.is_complete() || result->rows == sound().live)
        << result->rows.size() << " of " << sound().live.size();
  }

  static void damage_bit(char& byte, std::uint64_t bit) {
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ 1U << bit);
  }
  static void zero(std::string& bytes, std::uint64_t page) {
    bytes.replace(page * kPage, kPage, kPage, '\0');
  }

  TemporaryFolder folder_;
};

TEST_P(SalvageTest, SoundFileComesOutWholeAndWithoutItsStaleRows) {
  const auto result = salvaged(sound().bytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->report.is_complete());
  EXPECT_EQ(result->rows, sound().live);
  EXPECT_EQ(result->drawings, sound().drawings);
  EXPECT_TRUE(result->report.stale_components.empty());
}

TEST_P(SalvageTest, DeletedRowsComeBackOnlyWhereAskedFor) {
  const auto result = salvaged(sound().bytes, {.stale_rows = StaleRows::always});
  ASSERT_TRUE(result);
  expect_committed(result->rows);
  EXPECT_GT(result->report.stale_components.size(), 0U);
  EXPECT_EQ(result->rows.size(), sound().live.size() + result->report.stale_components.size());
  for (const auto& [id, row] : sound().live) EXPECT_EQ(result->rows.at(id), row);
}

TEST_P(SalvageTest, NothingLiveIsLostWithTheRootOfAllTables) {
  std::string bytes = sound().bytes;
  const std::uint64_t meta = sound().newest_meta() * kPage + 16;
  zero(bytes, engine::load<std::uint64_t>(bytes.data() + meta + 72 + 40));
  const auto result = salvaged(bytes);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows, sound().live);
  EXPECT_EQ(result->drawings, sound().drawings);
  EXPECT_FALSE(result->report.is_complete());
}

TEST_P(SalvageTest, EachPageZeroed) {
  for (std::uint64_t page = 0; page < sound().page_count(); ++page) {
    SCOPED_TRACE(page);
    std::string bytes = sound().bytes;
    zero(bytes, page);
    expect_sense(bytes, {page});
    if (HasFatalFailure()) return;
  }
}

TEST_P(SalvageTest, EachPageWithoutItsFirstSector) {
  for (std::uint64_t page = 0; page < sound().page_count(); ++page) {
    SCOPED_TRACE(page);
    std::string bytes = sound().bytes;
    bytes.replace(page * kPage, 512, 512, '\0');
    expect_sense(bytes, {page});
    if (HasFatalFailure()) return;
  }
}

TEST_P(SalvageTest, TruncatedAtEachPage) {
  Pages cut;
  for (std::uint64_t page = sound().page_count(); page-- > 0;) {
    SCOPED_TRACE(page);
    cut.insert(page);
    expect_sense(sound().bytes.substr(0, page * kPage), cut);
    if (HasFatalFailure()) return;
  }
}

TEST_P(SalvageTest, WithoutAnyMetaPage) {
  std::string bytes = sound().bytes;
  zero(bytes, 0);
  zero(bytes, 1);
  const auto result = salvaged(bytes);
  ASSERT_TRUE(result);
  expect_committed(result->rows);
  for (const auto& [id, row] : sound().live) {
    EXPECT_TRUE(is_in_conflict(result->report, id) || result->rows.at(id) == row) << row;
  }
  EXPECT_EQ(result->drawings, sound().drawings);
}

TEST_P(SalvageTest, WithoutAnyMetaPageNorStamp) {
  std::string bytes = sound().bytes;
  zero(bytes, 0);
  zero(bytes, 1);
  for (auto at = bytes.find(engine::kStampMagic); at != std::string::npos;
       at = bytes.find(engine::kStampMagic)) {
    bytes[at] = '-';
  }
  const auto result = salvaged(bytes);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->report.stamp, SalvageReport::StampFound::nowhere);
  EXPECT_EQ(result->report.format, GetParam());
  expect_committed(result->rows);
}

TEST_P(SalvageTest, DamageByChance) {
  const std::uint64_t rounds = testing::tries("salvage", 40);
  std::uint64_t unreadable = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    std::mt19937_64 random(testing::torture_seed() + round);
    const auto below = [&](std::uint64_t end) {
      return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
    };
    std::string bytes = sound().bytes;
    Pages damaged;
    for (std::uint64_t left = 1 + below(round % 3 == 0 ? sound().page_count() : 4); left > 0; --left) {
      const std::uint64_t page = below(sound().page_count());
      damaged.insert(page);
      char* const at = bytes.data() + page * kPage;
      switch (below(5)) {
        case 0:
          damage_bit(at[below(kPage)], below(8));
          break;
        case 1:
          for (int i = 0; i < 16; ++i) at[below(kPage)] = static_cast<char>(below(256));
          break;
        case 2:
          for (std::uint64_t i = 0; i < kPage; ++i) at[i] = static_cast<char>(below(256));
          break;
        case 3:  // in the header, or what stands behind it
          at[below(64)] = static_cast<char>(below(256));
          break;
        default:
          std::copy_n(sound().bytes.data() + below(sound().page_count()) * kPage, kPage, at);
      }
    }
    const auto result = salvaged(bytes);
    if (!result) {
      ++unreadable;
      continue;
    }
    expect_committed(result->rows);
    if (HasFatalFailure()) return;
  }
  testing::report_torture("salvage of format " + std::to_string(GetParam()), rounds,
                          "0 crashes, 0 rows that were never committed, " + std::to_string(unreadable) +
                              " files without a readable record");
}

INSTANTIATE_TEST_SUITE_P(EachFormat, SalvageTest, ::testing::Values(1, 2, 3),
                         [](const auto& test) { return "format_" + std::to_string(test.param); });

// Many drawings, whose pages are lost in kinds: leaves of the table of rows, the table of drawings, leaves of ids.
class SalvageOfLostPagesTest : public ::testing::Test {
 protected:
  static constexpr unsigned kDrawings = 3000;
  static constexpr unsigned kRowsOfDrawing = 40;  // More than fit into a page that has other entries too.

  void SetUp() override {
    const std::string path = folder_.path("site.pmk");
    {
      Store store = Store::create(path);
      WriteTxn txn = store.write();
      for (unsigned d = 0; d < kDrawings; ++d) {
        const Uuid drawing = txn.insert_drawing({.name = "S-" + std::to_string(d)});
        for (unsigned i = 0; i < kRowsOfDrawing; ++i) {
          txn.insert({.drawing_id = drawing,
                      .piece_mark = "G" + std::to_string(i),
                      .material_type = "plate of the component " + std::to_string(i)});
        }
      }
      txn.commit();
      live_ = rows_of(store);
    }
    bytes_ = testing::read_file(path);
    engine::os::File file;
    ASSERT_FALSE(engine::os::open_file(path, engine::os::Access::read, file));
    DamagedFile reader(file);
    for (const auto& table : {"blocks.3", "ids.3", "drawings"}) {
      reader.walk(
          table, [&](const DamagedFile::Entry& entry) { leaves_[table].insert(entry.page); },
          [](const DamagedFile::Range&) { ADD_FAILURE(); });
    }
    ASSERT_GT(leaves_["blocks.3"].size(), 10U);
  }

  // Every leaf but each `kept`-th; all of them where that is 0.
  void lose_leaves(const std::string& table, unsigned kept) {
    unsigned number = 0;
    for (const std::uint64_t page : leaves_[table]) {
      if (kept == 0 || ++number % kept != 0) bytes_.replace(page * kPage, kPage, kPage, '\0');
    }
  }

  void expect_all_rows() {
    const std::string out = folder_.path("out.pmk");
    const SalvageReport report = salvage(folder_.write("damaged.pmk", bytes_), out);
    EXPECT_EQ(report.components, live_.size());
    EXPECT_TRUE(rows_of(Store::open(out, {.read_only = true})) == live_);
    for (const std::string& loss : report.losses) EXPECT_EQ(loss.find("too many"), std::string::npos) << loss;
  }

  TemporaryFolder folder_;
  std::string bytes_;
  Rows live_;
  std::map<std::string, Pages> leaves_;
};

TEST_F(SalvageOfLostPagesTest, IdsTellTheDrawingsOfRows) {
  lose_leaves("blocks.3", 0);
  expect_all_rows();
}

TEST_F(SalvageOfLostPagesTest, IdsTellDrawingsThatAreLostThemselves) {
  lose_leaves("blocks.3", 0);
  lose_leaves("drawings", 0);
  expect_all_rows();
}

TEST_F(SalvageOfLostPagesTest, IdsTellThemWithoutTheirOwnTree) {
  lose_leaves("blocks.3", 0);
  lose_leaves("ids.3", 0);
  expect_all_rows();
}

TEST_F(SalvageOfLostPagesTest, NeighboursTellThemWhereIdsAreLost) {
  lose_leaves("blocks.3", 2);
  engine::os::File file;
  ASSERT_FALSE(engine::os::open_file(folder_.path("site.pmk"), engine::os::Access::read, file));
  DamagedFile reader(file);
  const auto lose = [&](const DamagedFile::Entry& entry) {
    bytes_.replace((entry.overflow_page != 0 ? entry.overflow_page : entry.page) * kPage, kPage, kPage, '\0');
  };
  reader.walk("ids.3", lose, [](const DamagedFile::Range&) { ADD_FAILURE(); });
  expect_all_rows();
}

TEST(SalvageOfAnythingTest, GarbageIsRefusedAndNothingWritten) {
  const TemporaryFolder folder;
  std::mt19937_64 random(1);
  for (const std::size_t size : {0U, 1U, 100U, 4096U, 100'000U}) {
    std::string bytes(size, '\0');
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
    const std::string file = folder.write("garbage", bytes);
    EXPECT_EQ(error_of([&] { salvage(file, folder.path("out.pmk")); }), ErrorCode::corrupt_file);
    EXPECT_FALSE(std::filesystem::exists(folder.path("out.pmk")));
  }
}

TEST(SalvageOfAnythingTest, OutputMustNotExist) {
  const TemporaryFolder folder;
  const std::string file = folder.path("site.pmk");
  Store::create(file);
  EXPECT_EQ(error_of([&] { salvage(file, file); }), ErrorCode::file_exists);
  EXPECT_EQ(error_of([&] { salvage(folder.path("none"), folder.path("out")); }), ErrorCode::file_not_found);
}

TEST(SalvageOfAnythingTest, StashHistoryAndStampComeAlong) {
  const TemporaryFolder folder;
  const std::string file = folder.path("site.pmk");
  {
    Store store = Store::create(file, {.nulls_not_distinct = true});
    WriteTxn txn = store.write();
    const Uuid drawing = txn.insert_drawing({.name = "S-101"});
    for (const char* instance : {"1", "2", "3"}) {
      txn.insert({.drawing_id = drawing, .piece_mark = "G1", .instance_identifier = instance});
    }
    txn.commit();
    migrate(store, 1, {.on_loss = OnLoss::stash});
  }
  const std::string out = folder.path("out.pmk");
  const SalvageReport report = salvage(file, out);
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(report.receipts, 1U);
  Store store = Store::open(out, kOpen);
  EXPECT_TRUE(store.info().nulls_not_distinct);
  EXPECT_EQ(history(store.read()).size(), 1U);
  migrate(store, 3);
  EXPECT_EQ(store.info().components, 3U);
  EXPECT_TRUE(verify(store.read()).is_clean());
}

TEST(SalvageOfAnythingTest, ComponentsOutliveTheirDrawing) {
  const TemporaryFolder folder;
  const std::string file = folder.path("site.pmk");
  const std::string name = "the only drawing of this file";
  Uuid drawing;
  {
    Store store = Store::create(file);
    WriteTxn txn = store.write();
    drawing = txn.insert_drawing({.name = name});
    txn.insert({.drawing_id = drawing, .piece_mark = "G1"});
    txn.commit();
  }
  std::string bytes = testing::read_file(file);
  for (auto at = bytes.find(name); at != std::string::npos; at = bytes.find(name)) bytes[at] = 'T';
  const std::string out = folder.path("out.pmk");
  const SalvageReport report = salvage(folder.write("damaged.pmk", bytes), out);
  EXPECT_EQ(report.recreated_drawings, std::vector{drawing});
  EXPECT_EQ(report.losses.size(), 1U);
  const Store store = Store::open(out, {.read_only = true});
  const ReadTxn snapshot = store.read();
  EXPECT_EQ(snapshot.component_count(), 1U);
  EXPECT_EQ(snapshot.drawing(drawing)->name, std::nullopt);
}

TEST(SalvageOfAnythingTest, OlderVersionTakesThePlaceOfADamagedRow) {
  const TemporaryFolder folder;
  const std::string file = folder.path("site.pmk");
  Uuid id;
  {
    Store::create(file, {.format = 2});
    Store store = Store::open(file, kOpen);
    WriteTxn txn = store.write();
    txn.insert_drawing({.name = "S-101"});
    id = txn.insert({.piece_mark = "G1", .material_type = "older"});
    txn.commit();
    txn = store.write();
    txn.update(id, {.material_type = "newer"});
    txn.commit();
  }
  std::string bytes = testing::read_file(file);
  bytes[bytes.find("newer")] = '?';
  folder.write("damaged.pmk", bytes);
  const SalvageReport never =
      salvage(folder.path("damaged.pmk"), folder.path("never.pmk"), {.stale_rows = StaleRows::never});
  EXPECT_EQ(never.components, 0U);
  EXPECT_EQ(never.lost_components, std::vector{id});
  const SalvageReport report = salvage(folder.path("damaged.pmk"), folder.path("out.pmk"));
  EXPECT_EQ(report.stale_components, std::vector{id});
  EXPECT_FALSE(report.is_complete());
  const Store store = Store::open(folder.path("out.pmk"), {.read_only = true});
  const ReadTxn snapshot = store.read();
  EXPECT_EQ(snapshot.get(id)->material_type(), "older");
}

TEST(SalvageVerbTest, SaysWhatWasLostByItsExitStatus) {
  const TemporaryFolder folder;
  const std::string file = folder.path("site.pmk");
  {
    Store store = Store::create(file);
    WriteTxn txn = store.write();
    txn.insert({.piece_mark = "G1"});
    txn.insert_drawing({.name = "S-101"});
    txn.commit();
  }
  EXPECT_EQ(testing::piecemark({"salvage", file, folder.path("whole.pmk")}).status, 0);
  std::string bytes = testing::read_file(file);
  bytes[bytes.find("S-101")] = 'T';
  folder.write("damaged.pmk", bytes);
  const testing::Finished damaged =
      testing::piecemark({"salvage", folder.path("damaged.pmk"), folder.path("out.pmk")});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_NE(damaged.out.find("table drawings: 0 of 1 entries"), std::string::npos) << damaged.out;
  folder.write("garbage", std::string(5000, 'x'));
  EXPECT_EQ(testing::piecemark({"salvage", folder.path("garbage"), folder.path("none.pmk")}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(folder.path("none.pmk")));
}

}  // namespace
}  // namespace piecemark
