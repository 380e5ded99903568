#include "engine/file_in_creation.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "engine/environment.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;

bool has_its_name(const FileInCreation& file) {
  os::FileFacts by_name;
  os::FileFacts facts;
  return !os::facts_of_link(file.temporary(), by_name) && !os::facts_of(file.file(), facts) &&
         by_name.id == facts.id;
}

TEST(FileInCreation, IsNotTakenAwayByOthersThatBeginAtTheSameTime) {
  const TemporaryFolder folder;
  std::atomic<int> lost{0};
  std::vector<std::thread> creators;
  for (int i = 0; i < 8; ++i) {
    creators.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        if (!has_its_name(FileInCreation(folder.path("store"), "cannot create", std::nullopt))) ++lost;
      }
    });
  }
  for (std::thread& creator : creators) creator.join();
  EXPECT_EQ(lost, 0);
  EXPECT_TRUE(fs::is_empty(folder.path("")));
}

// One process creates the file, the others are told that it is there; and nothing else happens to any of them.
TEST(FileInCreation, OneOfSeveralProcessesGetsTheName) {
  constexpr int kProcesses = 6;
  constexpr std::array<std::string_view, 1> kTables{"one"};
  const TemporaryFolder folder;
  for (int round = 0; round < 30; ++round) {
    const std::string path = folder.path("store" + std::to_string(round));
    std::vector<pid_t> creators;
    for (int i = 0; i < kProcesses; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        try {
          Environment::create(path, kTables, [](WriteTransaction&) {});
          ::_exit(0);
        } catch (const Error& error) {
          ::_exit(error.code() == ErrorCode::file_exists ? 1 : 2);
        } catch (...) {
          ::_exit(3);
        }
      }
      creators.push_back(child);
    }
    std::array<int, 4> ends{};
    for (const pid_t creator : creators) {
      int status = -1;
      ::waitpid(creator, &status, 0);
      ++ends.at(WIFEXITED(status) ? static_cast<std::size_t>(WEXITSTATUS(status)) : 3);
    }
    EXPECT_EQ(ends, (std::array{1, kProcesses - 1, 0, 0})) << "created, file_exists, another error, a crash";
  }
}

TEST(FileInCreation, TemporaryNameIsKnownOfEveryFileAndOfNoOther) {
  constexpr const char* kId = "01a20283-6674-73a3-aa7f-f777f6b7bdea";
  const std::string umlauts = "x" + [] {
    std::string text;
    for (int i = 0; i < 127; ++i) text += "\u00e4";
    return text;
  }();
  for (const std::string& base : {std::string("a"), std::string(213, 'n'), std::string(214, 'n'),
                                  std::string(215, 'n'), std::string(255, 'n'), umlauts}) {
    const std::string path = "folder/" + base;
    const std::string temporary = new_temporary_name(path).substr(7);
    EXPECT_LE(temporary.size(), 255U);
    EXPECT_TRUE(is_name_in_creation(temporary, path)) << base;
    for (const std::string& other : {base + "m", base.substr(1), std::string("m") + base.substr(1)})
      EXPECT_FALSE(is_name_in_creation(temporary, "folder/" + other)) << base << " and " << other;
    EXPECT_FALSE(is_name_in_creation(base, path));
    EXPECT_FALSE(is_name_in_creation(temporary + "x", path));
    EXPECT_FALSE(is_name_in_creation(temporary.substr(0, temporary.size() - 1), path));
  }
  EXPECT_TRUE(is_name_in_creation(std::string("a.new-") + kId, "a"));
  for (const char* id : {"{01a20283-6674-73a3-aa7f-f777f6b7bdea}", "01a20283667473a3aa7ff777f6b7bdea",
                         "01A20283-6674-73A3-AA7F-F777F6B7BDEA"})
    EXPECT_FALSE(is_name_in_creation(std::string("a.new-") + id, "a")) << "as people may write it";
}

}  // namespace
}  // namespace piecemark::engine
