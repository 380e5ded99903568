// A file that is cut short from outside while the program reads it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using ::testing::EndsWith;
using testing::Finished;
using testing::TemporaryFolder;

constexpr int kRows = 100'000;
constexpr std::uintmax_t kLeft = 16'384;

class LostMapTest : public ::testing::Test {
 protected:
  explicit LostMapTest(std::uint32_t format = 3) {
    Store store = Store::create(file_, {.format = format}, {.write_older_format = true});
    WriteTxn transaction = store.write();
    const Uuid drawing = transaction.insert_drawing({.name = "S-101"});
    for (int i = 0; i < kRows; ++i)
      transaction.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i)});
    transaction.commit();
  }

  // Runs the program and cuts the file short once it has printed this.
  Finished cut_short_at(const std::vector<std::string>& words, const std::string& sign) const {
    std::vector<std::string> arguments{PIECEMARK_PROGRAM};
    arguments.insert(arguments.end(), words.begin(), words.end());
    bool is_cut = false;
    Finished finished = testing::run(arguments, {}, [&](pid_t, const Finished& so_far) {
      if (is_cut || (so_far.out + so_far.err).find(sign) == std::string::npos) return;
      is_cut = true;
      std::filesystem::resize_file(file_, kLeft);
    });
    EXPECT_TRUE(is_cut);
    return finished;
  }
  void expect_clean_end(const Finished& finished) const {
    EXPECT_EQ(finished.status, 3);
    EXPECT_THAT(
        finished.err,
        EndsWith(
            "piecemark: cannot go on with '" + file_ +
            "': io_error\n"
            "  found      a page that cannot be read any more: the file was cut short while in use, or the "
            "disk fails\n"
            "  next       get the file again, or go back to a backup; a transaction that was open is not "
            "stored\n"));
    const std::string sign = "cannot go on";
    EXPECT_EQ(finished.err.find(sign), finished.err.rfind(sign)) << "told more than once: " << finished.err;
  }

  const TemporaryFolder folder_;
  const std::string file_ = folder_.path("store.pmk");
};

TEST_F(LostMapTest, ReadingEndsWithAMessage) {
  const Finished finished = cut_short_at({"export", file_, "--output", "ndjson"}, "piece_mark");
  expect_clean_end(finished);
  EXPECT_EQ(finished.out.find("G" + std::to_string(kRows - 1) + "\""), std::string::npos);
}

class LostMapOfOldFormatTest : public LostMapTest {
 protected:
  LostMapOfOldFormatTest() : LostMapTest(1) {}
};

// A migration reads with two threads.
TEST_F(LostMapOfOldFormatTest, MigrationEndsWithOneMessageAndSaysNothingIsDone) {
  const Finished finished =
      cut_short_at({"upgrade", file_, "--to", "2", "--progress", "json"}, R"("phase":"rows")");
  expect_clean_end(finished);
  EXPECT_EQ(finished.out.find("upgraded"), std::string::npos) << finished.out;
}

}  // namespace
}  // namespace piecemark
