#include "engine/sorter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using piecemark::testing::TemporaryFolder;

std::vector<std::string> drained(Sorter& sorter) {
  std::vector<std::string> records;
  sorter.rewind();
  for (Bytes record; sorter.next(record);) records.emplace_back(record);
  return records;
}

// The argument is the memory limit in bytes.
class SorterTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  TemporaryFolder folder_;
  Sorter sorter_{folder_.path("."), GetParam()};
};

TEST_P(SorterTest, GivesBackWhatCameInOrder) {
  std::mt19937 random(7);
  std::vector<std::string> expected;
  for (int i = 0; i < 5'000; ++i) {
    std::string record;
    for (std::size_t size = random() % 40; size > 0; --size) record += static_cast<char>(random() % 4);
    if (i % 1000 == 0) record.assign(300'000, static_cast<char>('a' + i / 1000));
    sorter_.add(record);
    expected.push_back(std::move(record));
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(drained(sorter_), expected);
  EXPECT_EQ(drained(sorter_), expected) << "a second time";
}

TEST_P(SorterTest, NothingInNothingOut) {
  EXPECT_TRUE(drained(sorter_).empty());
}

TEST_P(SorterTest, LeavesNoFileBehind) {
  for (int i = 0; i < 5'000; ++i) sorter_.add(std::to_string(i));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path(".")));
}

INSTANTIATE_TEST_SUITE_P(MemoryLimits, SorterTest, ::testing::Values(1, 1'000, 100'000, 100'000'000));

TEST(Sorter, MissingFolderIsReported) {
  Sorter sorter("/no/such/folder", 1);
  EXPECT_EQ(piecemark::testing::error_of([&] { sorter.add("a"); }), ErrorCode::file_not_found);
}

}  // namespace
}  // namespace piecemark::engine
