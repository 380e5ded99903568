// Copies of a store that is in use: whole, compact, of every format, and nothing where they fail.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/api/site.h"
#include "tests/support/store_state.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> fixtures() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(PIECEMARK_SOURCE_DIR) / "tests/fixtures")) {
    if (entry.path().extension() == ".pmk") files.push_back(entry.path());
  }
  return files;
}

std::set<std::string> names_in(const TemporaryFolder& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path(""))) names.insert(entry.path().filename());
  return names;
}

class BackupTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::string out_ = folder_.path("copy.pmk");
};

TEST_F(BackupTest, HasAllThatAFileOfEveryFormatHolds) {
  ASSERT_GE(fixtures().size(), 7U);
  for (const fs::path& fixture : fixtures()) {
    SCOPED_TRACE(fixture.filename());
    const TemporaryFolder original;
    const std::string path = original.path("site.pmk");
    fs::copy_file(fixture, path);
    const std::string before = read_file(path);
    const Store store = Store::open(path, {.read_only = true});
    store.backup(out_);
    EXPECT_EQ(read_file(path), before);
    {
      const Store copy = Store::open(out_, {.read_only = true});
      EXPECT_EQ(state_of_store(copy), state_of_store(store));
      EXPECT_EQ(copy.info().created_at, store.info().created_at);
      EXPECT_EQ(copy.info().migrated_at, store.info().migrated_at);
      EXPECT_EQ(copy.info().nulls_not_distinct, store.info().nulls_not_distinct);
    }
    fs::remove(out_);
    fs::remove(out_ + "-lock");
  }
}

TEST_F(BackupTest, IsAsLargeAsWhatIsThere) {
  Site site;
  constexpr unsigned kRows = 5000;
  site.write([](WriteTxn& txn) {
    for (unsigned i = 0; i < kRows; ++i) txn.insert(girder(i, "G" + std::to_string(i)));
  });
  const std::uint64_t full = fs::file_size(site.path);
  site.write([](WriteTxn& txn) {
    for (unsigned i = 0; i < kRows; ++i) {
      if (i % 100 != 0) txn.erase(numbered(i));
    }
  });
  site.store.backup(out_);
  EXPECT_LT(fs::file_size(out_), full / 5);
  EXPECT_EQ(dump(Store::open(out_)), dump(site.store));
}

TEST_F(BackupTest, RefusesATakenNameAndLeavesNothingElsewhere) {
  Site site;
  folder_.write("copy.pmk", "precious");
  EXPECT_EQ(error_of([&] { site.store.backup(out_); }), ErrorCode::file_exists);
  EXPECT_EQ(read_file(out_), "precious");
  EXPECT_EQ(error_of([&] { site.store.backup(site.path); }), ErrorCode::file_exists);
  EXPECT_EQ(error_of([&] { site.store.backup(folder_.path("no/such/folder.pmk")); }),
            ErrorCode::file_not_found);
  EXPECT_EQ(names_in(folder_), std::set<std::string>{"copy.pmk"});
}

TEST_F(BackupTest, OfADamagedFileIsRefusedAndLeavesNothing) {
  const TemporaryFolder original;
  const std::string path = original.path("site.pmk");
  create_damaged(path);
  const Store store = Store::open(path, {.read_only = true});
  EXPECT_EQ(error_of([&] { store.backup(out_); }), ErrorCode::corrupt_record);
  EXPECT_EQ(names_in(folder_), std::set<std::string>());
}

// Every commit gives all marks the same quantity, one more than the last.
TEST_F(BackupTest, OfAStoreThatIsWrittenToIsOneOfItsCommits) {
  constexpr unsigned kMarks = 50;
  Site site;
  site.write([](WriteTxn& txn) {
    for (unsigned i = 0; i < kMarks; ++i) txn.insert(girder(i, "G" + std::to_string(i)));
  });
  std::atomic<bool> is_over{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int round = 1; !is_over; ++round) {
      site.write([&](WriteTxn& txn) {
        for (unsigned i = 0; i < kMarks; ++i) txn.update(numbered(i), {.quantity = round});
      });
      written = round;
    }
  });
  for (int i = 0; i < 20; ++i) {
    const int before = written;
    site.store.backup(out_);
    const int after = written + 1;  // That one may be there and not told yet.
    const Store copy = Store::open(out_);
    std::set<std::int32_t> quantities;
    const ReadTxn snapshot = copy.read();
    EXPECT_EQ(snapshot.component_count(), kMarks);
    for (const ComponentView& component : snapshot.scan()) quantities.insert(*component.quantity());
    EXPECT_EQ(quantities.size(), 1U);
    EXPECT_GE(*quantities.begin(), before);
    EXPECT_LE(*quantities.begin(), after);
    fs::remove(out_);
  }
  is_over = true;
  writer.join();
  EXPECT_GT(written, 0);
}

// As a user who may read the original and write nothing beside it.
TEST_F(BackupTest, NeedsNoPermissionToWriteTheOriginal) {
  const TemporaryFolder original;
  const std::string path = original.path("site.pmk");
  { Store::create(path); }
  fs::permissions(path, fs::perms(0440) | fs::perms::others_read);
  fs::permissions(original.path(""), fs::perms(0555));
  fs::permissions(folder_.path(""), fs::perms(0777));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    Store::open(path, {.read_only = true}).backup(out_);
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fs::status(out_).permissions(), fs::perms(0644))
      << "those of the original, and its owner may write";
  fs::permissions(original.path(""), fs::perms(0755));
}

}  // namespace
}  // namespace piecemark::testing
