// Migrations into a new file: the original is only read, and nothing is left behind by one that fails.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

class CopyTest : public ::testing::Test {
 protected:
  CopyTest() {
    site_.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1"), girder(4, "B1", "7"));
  }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path(""))) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  Site site_{{}, {.write_older_format = true}};
  Store& store_ = site_.store;
  TemporaryFolder folder_;
  std::string new_file_ = folder_.path("new.pmk");
};

TEST_F(CopyTest, LeavesTheOriginalByteForByte) {
  const std::string before = read_file(store_.path());
  const auto receipt = migrate_into(new_file_, store_, 1, {.on_loss = OnLoss::stash});
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->number, 1U);
  EXPECT_EQ(read_file(store_.path()), before);
  EXPECT_EQ(store_.info().migrations, 0U);
  const Store copy = Store::open(new_file_);
  EXPECT_EQ(copy.info().format, 1U);
  EXPECT_EQ(copy.info().migrations, 1U);
  EXPECT_EQ(copy.info().created_at, store_.info().created_at);
  EXPECT_TRUE(verify(copy.read()).is_as_migrated);
}

TEST_F(CopyTest, OfTheSameFormatIsACopyWithoutReceipt) {
  EXPECT_EQ(migrate_into(new_file_, store_, 3), std::nullopt);
  const Store copy = Store::open(new_file_);
  EXPECT_EQ(dump(copy), dump(store_));
  EXPECT_EQ(copy.info().migrations, 0U);
  EXPECT_TRUE(verify(copy.read()).is_clean());
}

TEST_F(CopyTest, KeepsNullsNotDistinct) {
  Site other({.nulls_not_distinct = true});
  other.insert(girder(1, "G1"));
  migrate_into(new_file_, other.store, 1);
  EXPECT_TRUE(Store::open(new_file_).info().nulls_not_distinct);
}

TEST_F(CopyTest, NeverOverwrites) {
  folder_.write("new.pmk", "precious");
  EXPECT_EQ(error_of([&] { migrate_into(new_file_, store_, 1, {.on_loss = OnLoss::stash}); }),
            ErrorCode::file_exists);
  EXPECT_EQ(read_file(new_file_), "precious");
  EXPECT_EQ(error_of([&] { migrate_into(store_.path(), store_, 1, {.on_loss = OnLoss::stash}); }),
            ErrorCode::file_exists);
}

TEST_F(CopyTest, LeavesNothingBehindWhenItIsRefused) {
  EXPECT_EQ(error_of([&] { migrate_into(new_file_, store_, 1); }), ErrorCode::downgrade_refused);
  EXPECT_EQ(error_of([&] { migrate_into(new_file_, store_, 99); }), ErrorCode::no_such_format);
  EXPECT_EQ(error_of([&] { migrate_into(folder_.path("no/such/folder.pmk"), store_, 2); }),
            ErrorCode::file_not_found);
  EXPECT_EQ(files(), std::set<std::string>());
}

TEST_F(CopyTest, LeavesNothingBehindWhenItIsCancelledAtAnyCall) {
  int calls = 0;
  for (int stop_at = 1; !calls || stop_at <= calls; ++stop_at) {
    int call = 0;
    const MigrationOptions options{
        .on_loss = OnLoss::stash, .on_progress = [&](const MigrationProgress&) { return ++call != stop_at; }};
    if (!error_of([&] { migrate_into(new_file_, store_, 1, options); })) {
      calls = call;
      break;
    }
    EXPECT_EQ(files(), std::set<std::string>()) << "stopped at call " << stop_at;
  }
  EXPECT_GE(calls, 4);
  EXPECT_EQ(files(), std::set<std::string>{"new.pmk"});
}

// As a user who may read the original and write nothing beside it.
// No store is open, and so no thread runs, while this process forks: thread sanitizer cannot follow it else.
TEST(CopyByAnotherUserTest, NeedsNoPermissionToWriteTheOriginal) {
  const TemporaryFolder original;
  const std::string path = original.path("site.pmk");
  {
    Site site({}, {.write_older_format = true});
    site.insert(girder(1, "G1", "1"), girder(2, "G1", "2"), girder(3, "G1"), girder(4, "B1", "7"));
    migrate_into(path, site.store, 2);
  }
  const TemporaryFolder folder;
  const std::string new_file = folder.path("new.pmk");
  std::filesystem::permissions(path, std::filesystem::perms(0444));
  std::filesystem::permissions(original.path(""), std::filesystem::perms(0555));
  std::filesystem::permissions(folder.path(""), std::filesystem::perms(0777));
  const std::string before = read_file(path);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    migrate_into(new_file, Store::open(path, {.read_only = true}), 1, {.on_loss = OnLoss::stash});
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path), before);
  EXPECT_EQ(Store::open(new_file, {.read_only = true}).info().stash_entries, 3U);
  std::filesystem::permissions(original.path(""), std::filesystem::perms(0755));
}

}  // namespace
}  // namespace piecemark::testing
