#include "piecemark/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

using ::testing::HasSubstr;

TEST(Store, WorksAsTheDesignSays) {
  const TemporaryFolder folder;
  Store::create(folder.path("site.pmk"));
  const Uuid drawing = Uuid::generate();

  auto store = Store::open(folder.path("site.pmk"));
  auto txn = store.write();
  txn.insert_drawing({.id = drawing, .name = "S-101"});
  auto id = txn.insert({.drawing_id = drawing,
                        .piece_mark = "G1",
                        .instance_identifier = "2",
                        .material_type = "S355JR",
                        .location_x = 1.5,
                        .location_y = -2.5});
  txn.commit();

  auto snapshot = store.read();
  std::string seen;
  if (auto g1 = snapshot.find(drawing, "G1", "2")) seen += g1->material_type().value_or("?");
  for (auto component : snapshot.in_drawing(drawing)) {
    seen += " " + std::to_string(*component.location_x() + *component.location_y());
  }
  for (auto component : snapshot.instances(drawing, "G1"))
    seen += component.id() == id ? " same" : " another";
  EXPECT_EQ(seen, "S355JR -1.000000 same");
}

TEST(Store, DefaultsAreThoseOfTheSchema) {
  Site site;
  const Timestamp before = Timestamp::now();
  site.write([](WriteTxn& txn) { txn.insert_columns({.id = numbered(1), .piece_mark = "G1"}); });
  const ReadTxn snapshot = site.store.read();
  const Component found = snapshot.get(numbered(1))->to_component();
  EXPECT_GE(found.created_at, before);
  EXPECT_EQ(found, (Component{.id = numbered(1),
                              .piece_mark = "G1",
                              .quantity = 1,
                              .review_status = "pending",
                              .created_at = found.created_at,
                              .updated_at = found.created_at}));
}

TEST(Store, IsThereAgainAfterItWasClosed) {
  const TemporaryFolder folder;
  std::string before;
  {
    Store store = Store::create(folder.path("site.pmk"));
    WriteTxn txn = store.write();
    txn.insert_drawing({.id = kDrawing, .name = "S-101"});
    txn.insert(girder(1, "G1", "1"));
    txn.commit();
    before = dump(store);
  }
  EXPECT_EQ(dump(Store::open(folder.path("site.pmk"))), before);
}

// What opening does once, and not at all for a file that is trusted or being written.
TEST(Store, PagesCanBeWalkedWhileTheStoreIsOpen) {
  Site site;
  site.insert(girder(1, "G1"));
  EXPECT_EQ(error_of([&] { verify_pages(site.store); }), std::nullopt);
  {
    const WriteTxn writing = site.store.write();
    EXPECT_EQ(error_of([&] { verify_pages(site.store); }), ErrorCode::busy);
  }
  {
    constexpr std::streamoff kEntriesOfMainTree = 16 + 72 + 32;
    std::fstream file(site.path, std::ios::in | std::ios::out | std::ios::binary);
    for (const std::streamoff page : {0, 4096}) file.seekp(page + kEntriesOfMainTree).put(77);
  }
  EXPECT_THAT(message_of([&] { verify_pages(site.store); }), HasSubstr("the entry counter of the tree"));
  EXPECT_EQ(error_of([&] { verify_pages(site.store); }), ErrorCode::corrupt_file);
  EXPECT_EQ(error_of([&] { site.store.write(); }), ErrorCode::reopen_needed)
      << "not busy: the turn was given back";
}

TEST(Store, CreateLeavesAnExistingFileAlone) {
  Site site;
  site.insert(girder(1, "G1"));
  const std::string before = dump(site.store);
  EXPECT_EQ(error_of([&] { Store::create(site.path); }), ErrorCode::file_exists);
  const std::string note = site.folder.write("note.txt", "not a store");
  EXPECT_EQ(error_of([&] { Store::create(note); }), ErrorCode::file_exists);
  EXPECT_EQ(read_file(note), "not a store");
  EXPECT_EQ(dump(site.store), before);
}

TEST(Store, IsCreatedWithItsFirstContentOrNotAtAll) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  const auto names = [&] {
    const std::filesystem::directory_iterator files(folder.path(""));
    return std::distance(begin(files), end(files));
  };
  for (const std::uint32_t format : {1U, 2U, 3U}) {
    const auto fill = [&](WriteTxn& txn) {
      EXPECT_FALSE(std::filesystem::exists(path)) << "nobody sees it before";
      const Uuid drawing = txn.insert_drawing({.name = "S-101"});
      for (int i = 0; i < 5000; ++i)
        txn.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i)});
      EXPECT_EQ(txn.component_count(), 5000U);
    };
    EXPECT_EQ(error_of([&] {
                Store::create(path,
                              {.format = format, .content = [&](WriteTxn& txn) {
                                 fill(txn);
                                 txn.insert({.drawing_id = Uuid::generate(), .piece_mark = "no drawing"});
                               }});
              }),
              ErrorCode::foreign_key_violation);
    EXPECT_THROW(Store::create(path, {.format = format,
                                      .content =
                                          [&](WriteTxn& txn) {
                                            fill(txn);
                                            throw std::runtime_error("of the caller");
                                          }}),
                 std::runtime_error);
    EXPECT_EQ(error_of([&] {
                Store::create(path, {.format = format, .content = [](WriteTxn& txn) { txn.commit(); }});
              }),
              ErrorCode::invalid_use);
    EXPECT_EQ(error_of([&] {
                Store::create(path,
                              {.format = format, .content = [](WriteTxn& txn) { WriteTxn(std::move(txn)); }});
              }),
              ErrorCode::invalid_use);
    EXPECT_EQ(names(), 0) << "files that were not created";
    {
      const Store store =
          Store::create(path, {.format = format, .content = fill}, {.write_older_format = true});
      EXPECT_EQ(store.info().components, 5000U);
      EXPECT_EQ(store.info().format, format);
      EXPECT_TRUE(verify(store.read()).is_clean());
    }
    std::filesystem::remove(path);
    std::filesystem::remove(path + "-lock");
  }
}

TEST(Store, OfTwoThatAreCreatedAtTheSameTimeOneComesFirst) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  const auto create_another = [&](WriteTxn& txn) {
    txn.insert({.piece_mark = "late"});
    Store::create(path, {.content = [](WriteTxn& other) { other.insert({.piece_mark = "first"}); }});
  };
  EXPECT_EQ(error_of([&] { Store::create(path, {.content = create_another}); }), ErrorCode::file_exists);
  const Store store = Store::open(path);
  const ReadTxn snapshot = store.read();
  EXPECT_EQ(snapshot.component_count(), 1U);
  EXPECT_TRUE(snapshot.find(std::nullopt, "first", std::nullopt).has_value());
}

TEST(Store, CreateKnowsTheFormatsOfTheLibrary) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_of([&] { Store::create(folder.path("site.pmk"), {.format = 99}); }),
            ErrorCode::no_such_format);
  EXPECT_EQ(error_of([&] { Store::open(folder.path("site.pmk")); }), ErrorCode::file_not_found);
  EXPECT_EQ(Store::create(folder.path("old.pmk"), {.format = 1}).read().format(), 1U);
  EXPECT_EQ(Store::create(folder.path("new.pmk")).read().format(), known_formats().back().number);
}

TEST(Store, OpenSaysWhatTheFileIsNot) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_of([&] { Store::open(folder.path("missing.pmk")); }), ErrorCode::file_not_found);
  EXPECT_EQ(error_of([&] { Store::open(folder.path("")); }), ErrorCode::not_a_store);
  EXPECT_EQ(error_of([&] { Store::open(folder.write("empty.pmk", "")); }), ErrorCode::not_a_store);
  EXPECT_EQ(error_of([&] { Store::open(folder.write("note.pmk", std::string(9000, 'x'))); }),
            ErrorCode::not_a_store);
}

TEST(Store, InfoCountsAndNamesTheOptions) {
  Site site({.nulls_not_distinct = true});
  site.insert(girder(1, "G1"), girder(2, "G2"));
  const StoreInfo info = site.store.info();
  EXPECT_EQ(info.format, known_formats().back().number);
  EXPECT_TRUE(info.nulls_not_distinct);
  EXPECT_EQ(info.created_by, kVersion);
  EXPECT_EQ(info.migrated_at, std::nullopt);
  EXPECT_EQ(info.components, 2U);
  EXPECT_EQ(info.drawings, 2U);
  EXPECT_EQ(info.stash_entries, 0U);
  EXPECT_EQ(info.migrations, 0U);
  EXPECT_EQ(info.file_bytes, std::filesystem::file_size(site.path));
}

TEST(Store, OpenedTwiceSharesTheFile) {
  Site site;
  std::optional<Store> second = Store::open(site.path);
  site.insert(girder(1, "G1"));
  EXPECT_EQ(dump(*second), dump(site.store));
  WriteTxn txn = second->write();
  EXPECT_EQ(error_of([&] { site.store.write(); }), ErrorCode::busy) << "it is the same writer's turn";
  txn.insert(girder(2, "G2"));
  txn.commit();
  second.reset();
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2");
  site.insert(girder(3, "G3"));
  EXPECT_EQ(briefly(site.store), "G1 - #1, G2 - #2, G3 - #3");
}

TEST(Store, OpenedThroughASymbolicLinkSharesTheFile) {
  Site site;
  std::filesystem::create_symlink(site.path, site.folder.path("link.pmk"));
  Store through_link = Store::open(site.folder.path("link.pmk"));
  const WriteTxn txn = through_link.write();
  EXPECT_EQ(error_of([&] { site.store.write(); }), ErrorCode::busy);
}

TEST(Store, MovedFromIsRefusedByEveryCall) {
  Site site;
  site.insert(girder(1, "G1"));
  Store from = site.store;
  Store store = std::move(from);
  const std::vector<std::function<void()>> calls{
      [&] { from.read(); },
      [&] { from.write(); },
      [&] { from.write_grouped([](WriteTxn&) {}); },
      [&] { from.info(); },
      [&] { from.backup(site.folder.path("copy")); },
      [&] { from.compact(); },
      [&] { from.long_readers(); },
      [&] { from.path(); },
      [&] { migrate(from, 2); },
      [&] { migrate_into(site.folder.path("copy"), from, 2); },
      [&] { plan_migration(from, 2); },
      [&] { drop_stash(from, DropStash::everything); },
      [&] { verify_pages(from); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i)
    EXPECT_EQ(error_of(calls[i]), ErrorCode::invalid_use) << "call " << i;
  const Store copy = from;
  EXPECT_EQ(error_of([&] { copy.read(); }), ErrorCode::invalid_use) << "a copy of it is like it";
  EXPECT_EQ(briefly(store), "G1 - #1");
  from = std::move(store);
  EXPECT_EQ(briefly(from), "G1 - #1");
}

TEST(Store, StaysOpenForItsTransactions) {
  const TemporaryFolder folder;
  std::optional<Store> store = Store::create(folder.path("site.pmk"));
  WriteTxn txn = store->write();
  const ReadTxn snapshot = store->read();
  store.reset();
  txn.insert(girder(1, "G1", {}, std::nullopt));
  txn.commit();
  EXPECT_EQ(dump(snapshot), "");
  EXPECT_EQ(briefly(Store::open(folder.path("site.pmk"))), "G1 - #1");
}

TEST(Store, RelaxedCommitsAreSeenByAllAndStay) {
  Site site({}, {.durability = Durability::relaxed});
  site.insert(girder(1, "G1"));
  Store other = Store::open(site.path);
  EXPECT_EQ(briefly(other), "G1 - #1");
  {
    WriteTxn txn = other.write();  // This one with full durability.
    txn.insert(girder(2, "G2"));
    txn.commit();
  }
  site.insert(girder(3, "G3"));
  EXPECT_EQ(briefly(other), "G1 - #1, G2 - #2, G3 - #3");
  EXPECT_EQ(verify(other.read()).problem_count, 0U);
}

TEST(Store, ReadOnlyReadsAndRefusesToWrite) {
  const TemporaryFolder folder;
  { Store::create(folder.path("site.pmk")); }
  Store reader = Store::open(folder.path("site.pmk"), {.read_only = true});
  EXPECT_EQ(dump(reader), "");
  EXPECT_EQ(error_of([&] { reader.write(); }), ErrorCode::read_only);
  EXPECT_EQ(error_of([&] { migrate(reader, 1); }), ErrorCode::read_only);
}

TEST(Store, ReadOnlyBesideAWriterOfTheSameProcess) {
  Site site;
  Store reader = Store::open(site.path, {.read_only = true});
  site.insert(girder(1, "G1"));
  EXPECT_EQ(dump(reader), dump(site.store));
  EXPECT_EQ(error_of([&] { reader.write(); }), ErrorCode::read_only);
  EXPECT_EQ(error_of([&] { migrate(reader, 1); }), ErrorCode::read_only);
}

TEST(Store, OpenedForReadingIsNotOpenedForWritingAtTheSameTime) {
  const TemporaryFolder folder;
  { Store::create(folder.path("site.pmk")); }
  {
    const Store reader = Store::open(folder.path("site.pmk"), {.read_only = true});
    EXPECT_EQ(error_of([&] { Store::open(folder.path("site.pmk")); }), ErrorCode::busy);
  }
  EXPECT_EQ(error_of([&] { Store::open(folder.path("site.pmk")).write(); }), std::nullopt);
}

// Rows of about 200 bytes, without a drawing.
void insert_many(Store& store, unsigned first, unsigned count) {
  WriteTxn txn = store.write();
  for (unsigned i = 0; i < count; ++i) {
    Component component = girder(first + i, "G" + std::to_string(first + i), {}, std::nullopt);
    component.material_type = std::to_string(first + i) + std::string(90, 'm');
    txn.insert(component);
  }
  txn.commit();
}

const OpenOptions kSmallMap{.map_size_bytes = 1 << 20};

TEST(SmallMap, GrowsOverSeveralCommits) {
  Site site({}, kSmallMap);
  const std::uint64_t map_bytes = site.store.info().map_bytes;
  for (unsigned i = 0; i < 40; ++i) insert_many(site.store, 1 + i * 250, 250);
  const StoreInfo info = site.store.info();
  EXPECT_EQ(info.components, 10'000U);
  EXPECT_GT(info.file_bytes, 2 * map_bytes);
  EXPECT_GE(info.map_bytes, info.file_bytes);
  EXPECT_EQ(verify(site.store.read()).problem_count, 0U);
}

TEST(SmallMap, ATransactionTooLargeForItIsDiskFullAndLeavesNoTrace) {
  Site site({}, kSmallMap);
  insert_many(site.store, 1, 10);
  const std::string before = dump(site.store);
  EXPECT_EQ(error_of([&] { insert_many(site.store, 100, 20'000); }), ErrorCode::disk_full);
  EXPECT_EQ(dump(site.store), before);

  site.write([](WriteTxn& txn) { EXPECT_TRUE(txn.erase(numbered(1))); });
  insert_many(site.store, 1, 1);
  EXPECT_EQ(dump(site.store), before);
}

TEST(SmallMap, ATransactionThatMetDiskFullCannotGoOn) {
  Site site({}, kSmallMap);
  WriteTxn txn = site.store.write();
  const auto fill = [&] {
    for (unsigned i = 1; i < 20'000; ++i) txn.insert(girder(i, std::string(50, 'm'), std::to_string(i)));
    txn.component_count();  // What waits in memory is written before anything is read.
  };
  EXPECT_EQ(error_of(fill), ErrorCode::disk_full);
  EXPECT_EQ(error_of([&] { txn.insert(girder(30'000, "G1")); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { txn.commit(); }), ErrorCode::invalid_use);
  EXPECT_EQ(briefly(site.store), "");
  site.insert(girder(1, "G1"));
  EXPECT_EQ(briefly(site.store), "G1 - #1");
}

TEST(SmallMap, BecomesLargeEnoughForATransactionThatIsRepeated) {
  Site site({}, kSmallMap);
  const auto fill = [&] { insert_many(site.store, 1, 10'000); };
  int attempts = 1;
  while (error_of(fill) == ErrorCode::disk_full && attempts < 10) ++attempts;
  EXPECT_GT(attempts, 1);
  EXPECT_EQ(site.store.info().components, 10'000U);
}

class Format1 : public ::testing::Test {
 protected:
  Site site_{{.format = 1}, {.write_older_format = true}};
};

TEST_F(Format1, HoldsAMarkOncePerDrawing) {
  site_.insert(girder(1, "G1"), girder(2, "G1", {}, kOtherDrawing), girder(3, "G1", {}, std::nullopt),
               girder(4, "G1", {}, std::nullopt));
  const std::string before = dump(site_.store);
  const Violation violation = violation_of([&] { site_.insert(girder(5, "G1")); });
  EXPECT_EQ(violation.code, ErrorCode::unique_violation);
  EXPECT_EQ(violation.constraint, "unique_piece_mark_per_drawing");
  EXPECT_EQ(violation.existing, numbered(1));
  EXPECT_THAT(message_of([&] { site_.insert(girder(5, "G1")); }), HasSubstr("upgrade the file"));
  EXPECT_EQ(dump(site_.store), before);
}

TEST_F(Format1, HasNoInstanceIdentifier) {
  const Violation violation = violation_of([&] { site_.insert(girder(1, "G1", "1")); });
  EXPECT_EQ(violation.code, ErrorCode::invalid_text_representation);
  EXPECT_EQ(violation.column, "instance_identifier");
  site_.insert(girder(1, "G1"));
  site_.write([](WriteTxn& txn) {
    EXPECT_EQ(error_of([&] { txn.update(numbered(1), {.instance_identifier = "1"}); }),
              ErrorCode::invalid_text_representation);
    EXPECT_TRUE(txn.update(numbered(1), {.instance_identifier = std::nullopt}));
    EXPECT_FALSE(txn.find(kDrawing, "G1", "1"));
    EXPECT_TRUE(txn.find(kDrawing, "G1", std::nullopt));
    EXPECT_EQ(briefly(txn.with_key(kDrawing, "G1", "1")), "");
  });
  EXPECT_EQ(briefly(site_.store), "G1 - #1");
}

TEST_F(Format1, IsReadAsItIsByAnyStoreAndWrittenOnlyOnRequest) {
  site_.insert(girder(1, "G1"));
  Store other = Store::open(site_.path);
  EXPECT_EQ(dump(other), dump(site_.store));
  EXPECT_EQ(error_of([&] { other.write(); }), ErrorCode::format_too_old);
  EXPECT_THAT(message_of([&] { other.write(); }), HasSubstr("piecemark upgrade " + site_.path));
  EXPECT_EQ(other.read().format(), 1U);
}

TEST_F(Format1, IsReadCorrectlyAfterARefusedWriteAndAMigration) {
  site_.insert(girder(1, "G1"), girder(2, "G2"));
  Store other = Store::open(site_.path);
  const std::string before = dump(other);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(error_of([&] { other.write(); }), ErrorCode::format_too_old);
    migrate(other, 3);
    EXPECT_EQ(dump(other), before);
    EXPECT_EQ(other.read().format(), 3U);
    EXPECT_EQ(other.info().components, 2U);
    { const WriteTxn given_up = other.write(); }
    migrate(other, 1);
    EXPECT_EQ(dump(other), before);
    EXPECT_EQ(other.info().components, 2U);
  }
}

}  // namespace
}  // namespace piecemark::testing
