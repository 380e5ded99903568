// Maps of the size that was asked for, also where a process may not have much address space.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "piecemark/salvage.h"
#include "tests/api/site.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PIECEMARK_SANITIZER_NEEDS_ADDRESS_SPACE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PIECEMARK_SANITIZER_NEEDS_ADDRESS_SPACE
#endif
#endif

namespace piecemark::testing {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// What the call says in a process that has so much address space beside what it has already; "done" if it succeeds.
template <class Call>
std::string outcome_within(std::uint64_t bytes, const Call& call) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t most = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + bytes;
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_AS, &limit);
    std::string said = "done";
    try {
      call();
    } catch (const std::exception& error) {
      said = error.what();
    }
    ::_exit(::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  for (char c = 0; ::read(ends[0], &c, 1) == 1;) said += c;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

class MapSizeTest : public ::testing::Test {
 protected:
  // Some megabytes, whatever the format.
  void fill(const std::string& path) const {
    Store store = Store::create(path, {}, {.map_size_bytes = 64 * kMiB});
    WriteTxn txn = store.write();
    for (unsigned i = 0; i < 40'000; ++i) {
      txn.insert_columns({.id = numbered(i),
                          .piece_mark = "G" + std::to_string(i % 100),
                          .instance_identifier = std::to_string(i),
                          .material_type = std::string(100, 's')});
    }
    txn.commit();
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("site.pmk");
  std::string out_ = folder_.path("out.pmk");
};

TEST_F(MapSizeTest, NewFilesDoWithTheAddressSpaceThatWasAskedFor) {
#ifdef PIECEMARK_SANITIZER_NEEDS_ADDRESS_SPACE
  GTEST_SKIP() << "a sanitizer needs more address space than that";
#else
  constexpr std::uint64_t kSpace = 1024 * kMiB;
  const OpenOptions small{.map_size_bytes = 16 * kMiB};
  const OpenOptions small_to_read{.read_only = true, .map_size_bytes = 16 * kMiB};
  fill(path_);
  ASSERT_GT(std::filesystem::file_size(path_), kMiB);
  EXPECT_THAT(outcome_within(kSpace, [&] { Store::open(path_); }), ::testing::HasSubstr("--map-size"));
  EXPECT_EQ(outcome_within(kSpace, [&] { Store::create(out_, {}, small); }), "done");
  const auto expect_done = [&](const char* what, const auto& call) {
    std::filesystem::remove(out_);
    EXPECT_EQ(outcome_within(kSpace, call), "done") << what;
    EXPECT_EQ(Store::open(out_, {.read_only = true}).info().components, 40'000U) << what;
  };
  expect_done("backup", [&] { Store::open(path_, small_to_read).backup(out_); });
  for (const std::uint32_t format : {1U, 2U}) {
    expect_done("downgrade", [&] {
      migrate_into(out_, Store::open(path_, small_to_read), format, {.on_loss = OnLoss::stash});
    });
    if (format == 2) continue;
    // The rows that wait in the stash are components again.
    const std::string older = folder_.path("older.pmk");
    std::filesystem::rename(out_, older);
    expect_done("upgrade", [&] { migrate_into(out_, Store::open(older, small_to_read), 3); });
  }
  expect_done("salvage", [&] { salvage(path_, out_, {.map_size_bytes = 16 * kMiB}); });
  EXPECT_EQ(outcome_within(kSpace, [&] { Store::open(path_, small).compact(); }), "done");
#endif
}

// The file as a whole does not fit into the map that was asked for, and neither does its copy.
TEST_F(MapSizeTest, CopyHasTheMapThatItNeeds) {
  fill(path_);
  const OpenOptions tiny{.map_size_bytes = kMiB};
  ASSERT_GT(std::filesystem::file_size(path_), 2 * kMiB);
  Store store = Store::open(path_, tiny);
  store.backup(folder_.path("backup"));
  migrate_into(folder_.path("older"), store, 1, {.on_loss = OnLoss::stash});
  migrate_into(folder_.path("newer"), Store::open(folder_.path("older"), tiny), 3);
  salvage(path_, folder_.path("salvaged"), {.map_size_bytes = kMiB});
  store.compact();
  for (const char* name : {"backup", "newer", "salvaged", "site.pmk"})
    EXPECT_EQ(Store::open(folder_.path(name)).info().components, 40'000U) << name;
}

TEST_F(MapSizeTest, OutOfBoundsIsTheNearestThatWorks) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1}, kMiB + 1, std::uint64_t{65} << 40,
                                    std::uint64_t{1} << 50, ~std::uint64_t{0}}) {
    const std::string path = folder_.path(std::to_string(bytes));
    {
      Store store = Store::create(path, {}, {.map_size_bytes = bytes});
      store.write().insert_columns({.piece_mark = "G1"});
      EXPECT_LE(store.info().map_bytes, std::uint64_t{64} << 40) << bytes;
      EXPECT_GE(store.info().map_bytes, kMiB) << bytes;
    }
    EXPECT_EQ(error_of([&] { Store::open(path); }), std::nullopt) << bytes;
    EXPECT_EQ(error_of([&] { Store::open(path, {.read_only = true, .map_size_bytes = bytes}); }),
              std::nullopt);
  }
}

// What an older build has made with a map of 65 TiB: the size is noted in both meta pages.
TEST_F(MapSizeTest, FileThatNotesALargerOneIsOpened) {
  fill(path_);
  constexpr std::size_t kNotedAt = 16 + 16;  // behind the header of the page: magic, version, address
  constexpr std::size_t kPageSize = 4096;
  std::string bytes = read_file(path_);
  const std::uint64_t noted = std::uint64_t{65} << 40;
  for (const std::size_t page : {0U, 1U})
    bytes.replace(page * kPageSize + kNotedAt, sizeof noted, reinterpret_cast<const char*>(&noted),
                  sizeof noted);
  std::filesystem::remove(path_ + "-lock");
  std::ofstream(path_, std::ios::binary) << bytes;
  Store store = Store::open(path_);
  EXPECT_EQ(store.info().components, 40'000U);
  store.backup(out_);
  store.compact();
}

}  // namespace
}  // namespace piecemark::testing
