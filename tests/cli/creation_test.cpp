// Several programs that bring forth the same file at once, and what new files are to others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/store_state.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Finished;
using testing::piecemark;
using testing::TemporaryFolder;

constexpr int kPrograms = 6;

std::vector<Finished> at_once(const std::vector<std::vector<std::string>>& commands) {
  std::vector<Finished> finished(commands.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    threads.emplace_back([&, i] { finished[i] = piecemark(commands[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  return finished;
}

TEST(CreationAtOnce, ImportsIntoAMissingFileAllArrive) {
  const TemporaryFolder folder;
  for (int round = 0; round < 15; ++round) {
    const std::string file = folder.path("site" + std::to_string(round) + ".pmk");
    std::vector<std::vector<std::string>> imports;
    for (int i = 0; i < kPrograms; ++i) {
      const std::string rows = folder.write("rows" + std::to_string(i) + ".csv",
                                            "piece_mark,quantity\nG1," + std::to_string(i) + "\n");
      imports.push_back({"import", file, "--components", rows});
    }
    for (const Finished& finished : at_once(imports)) EXPECT_EQ(finished.status, 0) << finished.err;
    EXPECT_EQ(Store::open(file).info().components, std::uint64_t{kPrograms});
    EXPECT_TRUE(verify(Store::open(file).read()).is_clean());
  }
}

TEST(CreationAtOnce, OneCreateIsDoneAndTheOthersSayThatTheFileIsThere) {
  const TemporaryFolder folder;
  for (int round = 0; round < 15; ++round) {
    const std::string file = folder.path("site" + std::to_string(round) + ".pmk");
    int created = 0;
    for (const Finished& finished :
         at_once(std::vector(kPrograms, std::vector<std::string>{"create", file}))) {
      if (finished.status == 0) {
        ++created;
      } else {
        EXPECT_THAT(finished.err, ::testing::HasSubstr("file_exists"));
      }
    }
    EXPECT_EQ(created, 1);
  }
}

}  // namespace
}  // namespace piecemark
