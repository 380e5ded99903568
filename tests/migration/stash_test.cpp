#include "migration/stash.h"

#include <gtest/gtest.h>

#include "engine/key.h"
#include "index/tables.h"
#include "tests/support/temporary.h"

namespace piecemark::migration {
namespace {

using testing::TemporaryFolder;

class StashTest : public ::testing::Test {
 protected:
  static std::shared_ptr<engine::Environment> create(const std::string& path) {
    engine::Environment::create(path, index::kTables, [](engine::WriteTransaction&) {});
    return engine::Environment::open(path, index::kTables, {});
  }

  static StashRow entry(SetAside::What what, std::uint8_t id) {
    StashRow entry{.what = what, .run = 258, .reason = "because"};
    entry.row.id.bytes[15] = id;
    entry.row.piece_mark = "G1";
    entry.row.instance_identifier = "2";
    return entry;
  }
  void put(engine::WriteTransaction& transaction, Stash::State state, const StashRow& entry) const {
    Stash::Writer(stash_, transaction, newer_).put(state, entry);
  }
  std::string content(const engine::ReadTransaction& transaction) const {
    std::string text;
    stash_.for_each(transaction, [&](Stash::State state, const StashRow& entry) {
      text += state == Stash::State::waiting ? "waiting " : "left over ";
      text += entry.what == SetAside::What::row ? "row " : "identifier ";
      text += std::to_string(entry.row.id.bytes[15]) + " " + std::string(entry.reason) + "\n";
    });
    return text;
  }

  TemporaryFolder folder_;
  std::shared_ptr<engine::Environment> environment_ = create(folder_.path("store"));
  const index::Format& newer_ = *index::format_numbered(2);
  Stash stash_{index::table(*environment_, index::TableId::stash)};
};

TEST_F(StashTest, BytesAreAsDocumented) {
  engine::WriteTransaction transaction = environment_->begin_write();
  put(transaction, Stash::State::waiting, entry(SetAside::What::row, 7));
  engine::Cursor cursor(transaction, index::table(*environment_, index::TableId::stash));
  ASSERT_TRUE(cursor.first());
  EXPECT_EQ(engine::to_hex(cursor.key()),
            "00000001"
            "01"
            "02"
            "00000102"
            "00000000000000000000000000000007");
  EXPECT_EQ(engine::to_hex(cursor.value().substr(8)),
            "01"
            "02010000"
            "07000000"
            "62656361757365"  // class version, run, reason
            "00"
            "02000000"
            "4731"
            "01"
            "01000000"
            "32"  // drawing_id, piece_mark, instance_identifier
            "00"
            "00"
            "00"
            "00"
            "00"
            "00"
            "00"
            "00"
            "00"
            "00");
}

TEST_F(StashTest, EntriesWaitUntilTheyAreCleared) {
  engine::WriteTransaction transaction = environment_->begin_write();
  put(transaction, Stash::State::waiting, entry(SetAside::What::row, 2));
  put(transaction, Stash::State::waiting, entry(SetAside::What::row, 1));
  put(transaction, Stash::State::waiting, entry(SetAside::What::identifier, 3));
  put(transaction, Stash::State::left_over, entry(SetAside::What::row, 4));
  EXPECT_EQ(content(transaction),
            "waiting identifier 3 because\nwaiting row 1 because\nwaiting row 2 because\nleft over row 4 "
            "because\n");
  std::string ids;
  for (Stash::Waiting waiting(stash_, transaction, newer_, SetAside::What::row); !waiting.at_end();
       waiting.next()) {
    EXPECT_EQ(waiting.read().row.id, waiting.id());
    ids += std::to_string(waiting.id().bytes[15]) + " ";
  }
  EXPECT_EQ(ids, "1 2 ");
  stash_.clear_waiting(transaction, newer_);
  EXPECT_EQ(content(transaction), "left over row 4 because\n");
}

TEST_F(StashTest, EntryComesBackAsItWasPut) {
  engine::WriteTransaction transaction = environment_->begin_write();
  const StashRow expected = entry(SetAside::What::row, 1);
  put(transaction, Stash::State::waiting, expected);
  stash_.for_each(transaction, [&](Stash::State, const StashRow& found) {
    EXPECT_EQ(to_component(found.row), to_component(expected.row));
    EXPECT_EQ(found.run, expected.run);
  });
}

TEST_F(StashTest, ForeignKeysAreReported) {
  engine::WriteTransaction transaction = environment_->begin_write();
  transaction.put(index::table(*environment_, index::TableId::stash), "short", "value");
  EXPECT_EQ(testing::error_of([&] { content(transaction); }), ErrorCode::corrupt_record);
}

}  // namespace
}  // namespace piecemark::migration
