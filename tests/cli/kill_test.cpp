// kill -9 in the middle of an import, an upgrade and a downgrade of a larger store: all or nothing, and the next one
// goes on.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark {
namespace {

using testing::Background;
using testing::TemporaryFolder;

constexpr int kRows = 15'000;
constexpr const char* kDrawing = "00000000-0000-7000-8000-000000000001";

std::uint64_t kills() {
  return testing::tries("kills_alone", 50);
}

class KillTest : public ::testing::Test {
 protected:
  KillTest() {
    folder_.write("drawings.csv", std::string("id\n") + kDrawing + "\n");
    std::string text = "id,drawing_id,piece_mark,instance_identifier\n";
    for (int i = 0; i < kRows; ++i) {
      text += Uuid::generate().to_string() + "," + kDrawing + ",G" + std::to_string(i % 3000) + "," +
              std::to_string(i / 3000) + "\n";
    }
    folder_.write("components.csv", text);
  }

  std::vector<std::string> words(std::vector<std::string> rest) const {
    rest.insert(rest.begin(), PIECEMARK_PROGRAM);
    return rest;
  }
  std::vector<std::string> import(const std::string& file) const {
    return words({"import", file, "--drawings", folder_.path("drawings.csv"), "--components",
                  folder_.path("components.csv")});
  }
  // Runs the program and kills it at a random instant up to a little longer than it took at the most so far.
  void kill_in_the_middle(const std::vector<std::string>& program, int signal = SIGKILL) {
    Background running(program);
    const auto longest = std::max<std::int64_t>(longest_us_, 2'000);
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(0, longest)(random_)));
    running.send(signal);
    if (running.wait() == 128 + signal) ++killed_;
  }
  // How long the program takes when nobody kills it.
  void time(const std::vector<std::string>& program) {
    const auto started = std::chrono::steady_clock::now();
    ASSERT_EQ(testing::run(program).status, 0);
    longest_us_ =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started)
            .count();
  }
  static void expect_clean(const Store& store) {
    const Verification verification = verify(store.read());
    ASSERT_TRUE(verification.is_clean()) << verification.problems.front();
  }

  TemporaryFolder folder_;
  std::mt19937 random_{std::random_device{}()};
  std::int64_t longest_us_ = 0;
  int killed_ = 0;
};

TEST_F(KillTest, ImportIsAllOrNothing) {
  time(import(folder_.path("timed.pmk")));
  for (std::uint64_t i = 0; i < kills(); ++i) {
    const std::string file = folder_.path("site.pmk");
    std::filesystem::remove(file);
    Store::create(file);
    kill_in_the_middle(import(file));
    Store store = Store::open(file);
    const std::uint64_t components = store.info().components;
    ASSERT_TRUE(components == 0 || components == kRows) << components;
    expect_clean(store);
    WriteTxn next = store.write();
    next.insert({.piece_mark = "after"});
    next.commit();
  }
  EXPECT_GT(killed_, 0);
  testing::report_torture("SIGKILL of imports", kills(), "0 violations");
}

// Ctrl-C, too, ends an import, whatever its threads are doing.
TEST_F(KillTest, InterruptedImportIsAllOrNothing) {
  time(import(folder_.path("timed.pmk")));
  for (int i = 0; i < 10; ++i) {
    const std::string file = folder_.path("site.pmk");
    std::filesystem::remove(file);
    Store::create(file);
    kill_in_the_middle(import(file), SIGINT);
    const Store store = Store::open(file);
    const std::uint64_t components = store.info().components;
    ASSERT_TRUE(components == 0 || components == kRows) << components;
    expect_clean(store);
  }
  EXPECT_GT(killed_, 0);
}

TEST_F(KillTest, MigrationIsAllOrNothing) {
  const std::string file = folder_.path("site.pmk");
  const auto import = words({"import", file, "--drawings", folder_.path("drawings.csv"), "--components",
                             folder_.path("components.csv")});
  ASSERT_EQ(testing::run(import).status, 0);
  const auto down = words({"downgrade", file, "--to", "1", "--on-conflict", "stash"});
  const auto up = words({"upgrade", file});
  time(down);
  time(up);
  const std::string whole = testing::dump(Store::open(file, {.read_only = true}));
  for (std::uint64_t i = 0; i < kills(); ++i) {
    const Store before = Store::open(file, {.read_only = true});  // A reader that stays alive.
    const ReadTxn snapshot = before.read();
    const std::uint64_t components = snapshot.component_count();
    kill_in_the_middle(snapshot.format() == 3 ? down : up);
    ASSERT_EQ(snapshot.component_count(), components);
    expect_clean(before);
    const StoreInfo info = before.info();
    if (info.format == 3) {
      ASSERT_EQ(testing::dump(before), whole);
      ASSERT_EQ(info.stash_entries, 0U);
    } else {
      ASSERT_EQ(info.components, 3000U);
      ASSERT_EQ(info.stash_entries, static_cast<std::uint64_t>(kRows));
    }
  }
  EXPECT_GT(killed_, 0);
  testing::report_torture("SIGKILL of migrations with a reader", kills(), "0 violations");
}

}  // namespace
}  // namespace piecemark
