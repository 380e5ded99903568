#include "index/drawings_of_ids.h"

#include <gtest/gtest.h>

#include "index/id_block.h"

namespace piecemark::index {
namespace {

constexpr engine::RecordPlace kPlace{"ids.3", "\xff"};

std::string block_of(const std::vector<IdEntry>& entries) {
  IdBlockBuilder builder;
  for (const IdEntry& entry : entries) EXPECT_TRUE(builder.add(entry));
  std::string block;
  builder.finish(kPlace, block);
  return block;
}

class DrawingsOfIdsTest : public ::testing::Test {
 protected:
  DrawingsOfIdsTest() {
    for (int i = 0; i < 60; ++i) {
      entries_.push_back({.id = Uuid::generate(),
                          .drawing = i % 7 == 0 ? DrawingKey() : drawings_[static_cast<std::size_t>(i % 3)],
                          .hash = static_cast<RowHash>(i)});
    }
    block_ = block_of(entries_);
  }

  std::array<Uuid, 3> drawings_{Uuid::generate(), Uuid::generate(), Uuid::generate()};
  std::vector<IdEntry> entries_;
  std::string block_;
  DrawingsOfIds known_;
};

TEST_F(DrawingsOfIdsTest, TellsTheDrawingOfEachIdWithoutTheKeyOfItsBlock) {
  EXPECT_TRUE(known_.add(block_ + std::string(500, '\0')));
  EXPECT_TRUE(known_.add(block_)) << "what is told twice is told once";
  for (const IdEntry& entry : entries_) EXPECT_EQ(known_.of({entry.id}), std::vector{entry.drawing});
  EXPECT_TRUE(known_.of({Uuid::generate()}).empty());
}

TEST_F(DrawingsOfIdsTest, TellsTheDrawingOfMostIdsFirst) {
  known_.add(block_);
  const auto found = known_.of({entries_[1].id, entries_[2].id, entries_[5].id});
  EXPECT_EQ(found, (std::vector<DrawingKey>{drawings_[2], drawings_[1]}));
}

TEST_F(DrawingsOfIdsTest, LeavesOutGroupsThatFailTheirCheckAndKeepsTheOthers) {
  block_.back() = static_cast<char>(block_.back() + 1);
  EXPECT_TRUE(known_.add(block_));
  EXPECT_EQ(known_.of({entries_.front().id}), std::vector{entries_.front().drawing});
  EXPECT_TRUE(known_.of({entries_.back().id}).empty());
}

TEST_F(DrawingsOfIdsTest, KnowsWhatIsNoBlockOfIds) {
  for (std::size_t size = 0; size < 40; ++size) EXPECT_FALSE(known_.add(block_.substr(0, size)));
  EXPECT_FALSE(known_.add(std::string(4000, '\0')));
  EXPECT_FALSE(known_.add(std::string(4000, '\xff')));
}

}  // namespace
}  // namespace piecemark::index
