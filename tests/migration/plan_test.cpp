// What a plan says, and that it leaves no trace.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

// Every entry that the plan tells of, "row G1 2 #2", one a line.
std::string told(const Store& store, std::uint32_t format, MigrationPlan& plan) {
  std::string text;
  plan = plan_migration(store, format, {.on_set_aside = [&](const SetAside& entry) {
                          text += entry.what == SetAside::What::row ? "row " : "identifier ";
                          text += brief(entry.component) + "\n";
                        }});
  return text;
}

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1"), girder(4, "B1", "7"));
  }

  Site site_{{}, {.write_older_format = true}};
  Store& store_ = site_.store;
  MigrationPlan plan_;
};

TEST_F(PlanTest, OfADowngradeTellsWhatWouldBeSetAside) {
  EXPECT_EQ(told(store_, 1, plan_), "identifier B1 7 #4\nrow G1 2 #2\nrow G1 1 #1\n");
  EXPECT_EQ(plan_.from, 3U);
  EXPECT_EQ(plan_.to, 1U);
  EXPECT_EQ(plan_.steps, (std::vector<std::string>{"pack_blocks", "add_instance_identifier"}));
  EXPECT_EQ(plan_.stashed_rows, 2U);
  EXPECT_EQ(plan_.stashed_identifiers, 1U);
  EXPECT_TRUE(plan_.would_lose());
  EXPECT_TRUE(plan_.has_room());
  EXPECT_GT(plan_.bytes_needed, 0U);
  EXPECT_GT(plan_.copy_bytes, 0U);
  EXPECT_GT(plan_.expected_us, 0);
}

TEST_F(PlanTest, ListsTheTables) {
  told(store_, 1, plan_);
  std::string text;
  for (const MigrationPlan::Table& table : plan_.tables) {
    text += table.name + " " + std::to_string(table.rows) + (table.is_index ? " index" : "") +
            (table.is_rewritten ? " rewritten" : "") + "\n";
  }
  EXPECT_EQ(text, "drawings 2\nblocks.3 4 rewritten\nids.3 4 index rewritten\n");
}

TEST_F(PlanTest, OfAnUpgradeTellsWhatCannotReturn) {
  migrate(store_, 1, {.on_loss = OnLoss::stash});
  site_.write([](WriteTxn& txn) { txn.erase(numbered(4)); });
  EXPECT_EQ(told(store_, 2, plan_), "identifier B1 7 #4\n");
  EXPECT_EQ(plan_.returned_rows, 2U);
  EXPECT_EQ(plan_.returned_identifiers, 0U);
  EXPECT_EQ(plan_.left_over, 1U);
}

TEST_F(PlanTest, ToTheSameFormatIsNothing) {
  EXPECT_EQ(told(store_, 3, plan_), "");
  EXPECT_TRUE(plan_.steps.empty());
  EXPECT_EQ(plan_.bytes_needed, 0U);
}

TEST_F(PlanTest, ToAnUnknownFormatIsRefused) {
  EXPECT_EQ(error_of([&] { plan_migration(store_, 99); }), ErrorCode::no_such_format);
}

TEST_F(PlanTest, CanBeCancelled) {
  const MigrationOptions options{.on_progress = [](const MigrationProgress&) { return false; }};
  EXPECT_EQ(error_of([&] { plan_migration(store_, 1, options); }), ErrorCode::canceled);
}

// As a user who may read the file and write nothing, neither the file nor beside it.
TEST_F(PlanTest, NeedsNoPermissionToWrite) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  migrate_into(path, store_, 2);
  std::filesystem::permissions(path, std::filesystem::perms(0444));
  std::filesystem::permissions(folder.path(""), std::filesystem::perms(0555));
  const std::string before = read_file(path);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    MigrationPlan plan;
    ::_exit(told(Store::open(path, {.read_only = true}), 1, plan).empty() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) ++files;
  EXPECT_EQ(files, 1U) << "something was left beside the file";
  EXPECT_EQ(read_file(path), before);
  std::filesystem::permissions(folder.path(""), std::filesystem::perms(0755));
}

}  // namespace
}  // namespace piecemark::testing
