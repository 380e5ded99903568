// Several programs that bring forth the same file at once, and what new files are to others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
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

// Every verb that makes a file, on a store of another user.
class NewFileTest : public ::testing::Test {
 protected:
  struct Made {
    std::string by;
    std::vector<std::string> command;
    std::string path;
    bool is_store;
  };

  void SetUp() override {
    const std::string rows = folder_.write("rows.csv", "piece_mark,quantity\nG1,1\n,x\n");
    ASSERT_EQ(piecemark({"import", store_, "--components", rows, "--skip-invalid"}).status, 1);
    made_ = {
        {"backup", {"backup", store_, path("backup")}, path("backup"), true},
        {"upgrade", {"upgrade", store_, "--output", path("upgraded")}, path("upgraded"), true},
        {"downgrade",
         {"downgrade", store_, "--to", "1", "--on-conflict", "stash", "--output", path("downgraded")},
         path("downgraded"),
         true},
        {"salvage", {"salvage", store_, path("salvaged")}, path("salvaged"), true},
        {"compact", {"compact", store_}, store_, true},
        {"export", {"export", store_, "--components", path("text.csv")}, path("text.csv"), false},
        {"export", {"export", store_, "--drawings", path("text.ndjson")}, path("text.ndjson"), false},
        {"import",
         {"import", store_, "--components", rows, "--on-conflict", "skip", "--skip-invalid", "--rejects",
          path("rejects")},
         path("rejects"),
         false},
    };
  }

  std::string path(const std::string& name) const { return folder_.path(name); }
  static mode_t permissions(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777U;
  }
  static std::pair<uid_t, gid_t> owner(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return {status.st_uid, status.st_gid};
  }
  void run(const Made& made, mode_t umask) const {
    const mode_t before = ::umask(umask);
    const Finished finished = piecemark(made.command);
    ::umask(before);
    EXPECT_EQ(finished.status, made.by == std::string("import") ? 1 : 0) << made.by << ": " << finished.err;
  }

  TemporaryFolder folder_;
  std::string store_ = folder_.path("site.pmk");
  std::vector<Made> made_;
};

TEST_F(NewFileTest, IsNoMoreOpenThanTheStore) {
  for (const mode_t of_store : {0600U, 0640U, 0644U, 0666U}) {
    for (const mode_t umask : {0U, 022U, 077U}) {
      for (const Made& made : made_) {
        ASSERT_EQ(::chmod(store_.c_str(), of_store), 0);
        if (made.path != store_) std::filesystem::remove(made.path);
        run(made, umask);
        const mode_t of_text =
            of_store & ~umask & (made.by == "import" ? permissions(path("rows.csv")) : 0666U);
        EXPECT_EQ(permissions(made.path), made.is_store ? of_store : of_text)
            << made.by << std::oct << ", store " << of_store << ", umask " << umask;
      }
    }
  }
}

TEST_F(NewFileTest, StoreBelongsToTheOwnerOfTheStoreItComesFrom) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  constexpr std::pair<uid_t, gid_t> kOwner{65534, 65533};
  for (const Made& made : made_) {
    ASSERT_EQ(::chown(store_.c_str(), kOwner.first, kOwner.second), 0);
    ASSERT_EQ(::chmod(store_.c_str(), 0660), 0);
    run(made, 077);
    EXPECT_EQ(permissions(made.path), made.is_store ? 0660U : 0600U) << made.by;
    if (made.is_store) {
      EXPECT_EQ(owner(made.path), kOwner) << made.by;
    }
  }
}

TEST_F(NewFileTest, TextIsNotOpenToAGroupThatMayNotReadTheStore) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  for (const Made& made : made_) {
    if (made.is_store) continue;
    ASSERT_EQ(::chown(store_.c_str(), 65534, 65533), 0);
    ASSERT_EQ(::chmod(store_.c_str(), 0640), 0);
    run(made, 022);
    EXPECT_EQ(permissions(made.path), 0600U) << made.by;
  }
}

TEST_F(NewFileTest, ExportOverAFileLeavesItAsOpenAsItIs) {
  for (const mode_t of_text : {0600U, 0640U, 0664U}) {
    folder_.write("text.csv", "old");
    ASSERT_EQ(::chmod(path("text.csv").c_str(), of_text), 0);
    run(made_[5], 022);
    EXPECT_EQ(permissions(path("text.csv")), of_text);
  }
}

// The longest names that a folder takes: the names of files beside a store are longer.
class LongNameTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  std::string named(char letter) const { return folder_.path(std::string(GetParam(), letter)); }
  static void expect_done(std::vector<std::string> command) {
    const Finished finished = piecemark(command);
    EXPECT_EQ(finished.status, 0) << command.front() << ": " << finished.err;
  }

  TemporaryFolder folder_;
};

TEST_P(LongNameTest, IsGoodForEveryVerb) {
  const std::string rows = folder_.write("rows.csv", "piece_mark,quantity\nG1,1\nG2,2\n");
  const std::string store = named('s');
  expect_done({"import", store, "--components", rows});
  for (const char letter : {'b', 'u', 'v'}) folder_.write(std::string(GetParam(), letter), "");
  for (const char letter : {'b', 'u', 'v'}) std::filesystem::remove(named(letter));
  expect_done({"backup", store, named('b')});
  expect_done({"downgrade", store, "--to", "1", "--on-conflict", "stash", "--output", named('u')});
  expect_done({"salvage", store, named('v')});
  expect_done({"compact", store});
  expect_done({"upgrade", named('u')});
  expect_done({"export", store, "--components", named('t'), "--output", "csv"});
  expect_done({"verify", store, "--deep"});
  for (const char letter : {'s', 'b', 'u', 'v'}) {
    const std::string path = named(letter);
    EXPECT_THAT(piecemark({"info", path, "--json"}).out, ::testing::HasSubstr("\"components\":2,")) << letter;
  }
  EXPECT_EQ(piecemark({"create", store}).status, 3) << "it is there";
  std::size_t names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path(""))) {
    EXPECT_TRUE(entry.is_regular_file()) << entry.path();
    ++names;
  }
  EXPECT_EQ(names, 10U) << "rows, text, four stores and their lock files";
}

// They share a lock file: one writes, others see it and wait for their turn.
TEST_P(LongNameTest, IsSharedByPrograms) {
  const std::string store = named('s');
  expect_done({"create", store});
  const std::string link = folder_.path("link");
  std::filesystem::create_symlink(store, link);
  testing::Conversation writer({PIECEMARK_PROGRAM, "exec", store});
  testing::Conversation other({PIECEMARK_PROGRAM, "exec", link});
  for (int i = 1; i <= 20; ++i) {
    EXPECT_THAT(
        (i % 2 != 0 ? writer : other).ask(R"({"op":"insert","row":{"piece_mark":"G1"}})").value_or("ended"),
        ::testing::StartsWith(R"({"ok":true)"));
    EXPECT_EQ((i % 2 != 0 ? other : writer).ask(R"({"op":"count"})"),
              R"({"ok":true,"count":)" + std::to_string(i) + "}");
  }
  EXPECT_EQ(writer.wait() + other.wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(Bytes, LongNameTest, ::testing::Values(200U, 214U, 215U, 250U, 251U, 255U));

TEST(LongName, TooLongIsSaidWithTheLimit) {
  const TemporaryFolder folder;
  const std::string path = folder.path(std::string(256, 's'));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"create", path}, {"info", path}}) {
    const Finished finished = piecemark(command);
    EXPECT_EQ(finished.status, 3);
    EXPECT_THAT(finished.err, ::testing::HasSubstr("found      a name that is too long for its folder\n"
                                                   "  supported  names of up to 255 bytes\n"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("")));
}

}  // namespace
}  // namespace piecemark
