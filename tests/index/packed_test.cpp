// What is the packed layout's own: damage that it meets while it changes rows.
#include "index/packed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "index/packed_key.h"
#include "index/tables.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

Uuid numbered(std::uint32_t number) {
  Uuid id;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

Component girder(std::uint32_t number, const Uuid& drawing) {
  return {.id = numbered(number), .drawing_id = drawing, .piece_mark = "G" + std::to_string(number)};
}

class PackedLayoutTest : public ::testing::Test {
 protected:
  static std::shared_ptr<engine::Environment> created(const std::string& path) {
    engine::Environment::create(path, kTables, [](engine::WriteTransaction&) {});
    return engine::Environment::open(path, kTables, {});
  }

  void insert(engine::WriteTransaction& transaction, const Component& component) const {
    const auto writer = layout_.writer(transaction);
    ASSERT_FALSE(writer->insert(row_of(component)));
    writer->flush();
  }

  TemporaryFolder folder_;
  std::shared_ptr<engine::Environment> environment_ = created(folder_.path("store"));
  engine::Table blocks_ = table(*environment_, TableId::blocks_3);
  engine::Table ids_ = table(*environment_, TableId::ids_3);
  PackedLayout layout_{false, blocks_, ids_};
};

TEST_F(PackedLayoutTest, ChangeOfARowThatItsBlockHasLostIsReported) {
  const Component row = girder(1, Uuid{});
  Component changed = row;
  changed.quantity = 7;
  for (const bool is_block_there : {true, false}) {
    engine::WriteTransaction transaction = environment_->begin_write();
    insert(transaction, row);
    transaction.clear(blocks_);
    if (is_block_there) insert(transaction, girder(2, Uuid{}));
    const auto writer = layout_.writer(transaction);
    EXPECT_EQ(error_of([&] { writer->replace(row_of(row), row_of(changed)); }), ErrorCode::corrupt_record);
    EXPECT_EQ(error_of([&] { writer->erase(row_of(row)); }), ErrorCode::corrupt_record);
    EXPECT_TRUE(PackedIds(ids_).find(transaction, row.id));
  }
}

TEST_F(PackedLayoutTest, RowsByIdAreThoseOfBothTables) {
  const auto read_all = [&](engine::WriteTransaction& transaction) {
    const auto rows = layout_.all_by_id(transaction, environment_->folder());
    std::string marks;
    for (ComponentRow row; rows->next(row);) marks += std::string(row.piece_mark) + " ";
    return marks;
  };
  for (const auto& [lost, is_refused] : {std::pair(ids_, true), {blocks_, true}, {engine::Table(), false}}) {
    engine::WriteTransaction transaction = environment_->begin_write();
    insert(transaction, girder(2, numbered(8)));
    insert(transaction, girder(1, numbered(9)));
    if (is_refused) transaction.clear(lost);
    insert(transaction, girder(3, Uuid{}));
    if (is_refused) {
      EXPECT_EQ(error_of([&] { read_all(transaction); }), ErrorCode::corrupt_record) << lost.name;
    } else {
      EXPECT_EQ(read_all(transaction), "G1 G2 G3 ");
    }
  }
}

// Rows that come to an empty layout in random order are sorted before they are written. What is in the way of another
// row is seen all the same.
TEST_F(PackedLayoutTest, RandomLoadKeepsIdsAndKeysUnique) {
  constexpr std::uint32_t kRows = 3000;
  constexpr std::uint32_t kDrawings = 7;
  const auto row = [](std::uint32_t number) {
    Component component = girder(number, numbered(number % kDrawings));
    component.instance_identifier = "1";
    return component;
  };
  std::vector<std::uint32_t> numbers(kRows);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(7));

  const PackedLayout sorting(false, blocks_, ids_, {}, 1);
  engine::WriteTransaction transaction = environment_->begin_write();
  const auto writer = sorting.writer(transaction);
  for (std::uint32_t i = 0; i < kRows; ++i) {
    const Component added = row(numbers[i]);
    ASSERT_FALSE(writer->insert(row_of(added)));
    if (i % 1000 != 999) continue;
    const std::uint32_t earlier = numbers[i / 2];
    const Component again = girder(earlier, numbered(0));
    const auto same_id = writer->insert(row_of(again));
    ASSERT_TRUE(same_id);
    EXPECT_EQ(same_id->on, Conflict::On::id);
    Component in_the_way = row(earlier);
    in_the_way.id = numbered(kRows + 1);
    const auto same_key = writer->insert(row_of(in_the_way));
    ASSERT_TRUE(same_key);
    EXPECT_EQ(same_key->on, Conflict::On::key);
    EXPECT_EQ(same_key->existing, numbered(earlier));
  }
  writer->flush();

  const auto rows = layout_.all_by_id(transaction, environment_->folder());
  std::uint32_t number = 0;
  for (ComponentRow read; rows->next(read);) {
    ASSERT_EQ(read.id, numbered(++number));
    EXPECT_EQ(read.drawing_id, numbered(number % kDrawings));
    EXPECT_EQ(read.piece_mark, "G" + std::to_string(number));
  }
  EXPECT_EQ(number, kRows);
  layout_.verify(
      transaction, [](const ComponentRow&) {}, [](const std::string& problem) { ADD_FAILURE() << problem; });
}

// A changed byte in the id of a row must not delete the entry of another one.
TEST_F(PackedLayoutTest, DamagedRowKeepsItsDrawingFromBeingDeleted) {
  engine::WriteTransaction transaction = environment_->begin_write();
  insert(transaction, girder(1, Uuid{}));
  insert(transaction, girder(3, Uuid{}));
  const std::string id(engine::bytes_of(numbered(3)));
  engine::Cursor cursor(transaction, blocks_);
  ASSERT_TRUE(cursor.first());
  std::string block(cursor.value());
  block[block.find(id) + id.size() - 1] = 2;
  transaction.put(blocks_, std::string(cursor.key()), block);
  const auto writer = layout_.writer(transaction);
  EXPECT_EQ(error_of([&] { writer->erase_drawing(Uuid{}); }), ErrorCode::corrupt_record);
  EXPECT_EQ(PackedIds(ids_).count(transaction), 2U);
  EXPECT_EQ(transaction.entries(blocks_), 1U);
}

}  // namespace
}  // namespace piecemark::index
