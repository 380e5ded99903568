// How much memory transactions have made resident ahead: it is to be in proportion to what they write.
#include "engine/memory_reserve.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

std::uint64_t reserved_by(const std::function<void()>& work) {
  const std::uint64_t before = engine::MemoryReserve::bytes_in_all();
  work();
  return engine::MemoryReserve::bytes_in_all() - before;
}

Component with_text(unsigned number) {
  Component component = girder(number, "G" + std::to_string(number), std::nullopt);
  component.bounding_box = "[" + std::string(300, '1') + "]";
  return component;
}

class FirstTransaction : public ::testing::Test {
 protected:
  // Only the first transaction of an open file reserves anything.
  FirstTransaction() : store_(Store::create(folder_.path("site.pmk"))) {}

  const TemporaryFolder folder_;
  Store store_;
};

TEST_F(FirstTransaction, ReservesNothingForWritesAndReadsInTurns) {
  constexpr unsigned kTurns = 3000;
  EXPECT_EQ(reserved_by([&] {
              WriteTxn txn = store_.write();
              for (unsigned i = 0; i < kTurns; ++i) {
                Component component = with_text(i);
                component.drawing_id = std::nullopt;
                txn.insert(component);
                EXPECT_TRUE(txn.get(component.id));
              }
              txn.commit();
            }),
            0U);
}

TEST_F(FirstTransaction, ReservesNothingForSomeThousandRows) {
  EXPECT_EQ(reserved_by([&] {
              WriteTxn txn = store_.write();
              for (unsigned i = 0; i < 5000; ++i) {
                Component component = with_text(i);
                component.drawing_id = std::nullopt;
                txn.insert(component);
              }
              txn.commit();
            }),
            0U);
}

// The reserve pays where it is used: as much again as was written, each time.
TEST_F(FirstTransaction, ReservesForALoadWhatItMayWrite) {
  constexpr unsigned kDrawings = 300;
  constexpr unsigned kRowsADrawing = 500;
  const std::uint64_t reserved = reserved_by([&] {
    WriteTxn txn = store_.write();
    for (unsigned i = 0; i < kDrawings; ++i) {
      const Uuid drawing = txn.insert_drawing({.name = std::to_string(i)});
      for (unsigned row = 0; row < kRowsADrawing; ++row) {
        Component component = with_text(i * kRowsADrawing + row);
        component.drawing_id = drawing;
        txn.insert(component);
      }
    }
    txn.commit();
  });
  EXPECT_GT(reserved, 0U);
  EXPECT_LE(reserved, 2 * store_.info().file_bytes);
}

}  // namespace
}  // namespace piecemark::testing
