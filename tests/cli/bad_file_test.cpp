// Store files that cannot be used: status 3, what was tried, what was found, what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "engine/bytes.h"
#include "engine/environment.h"
#include "engine/stamp.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using testing::piecemark;
using testing::TemporaryFolder;

class BadFileTest : public ::testing::Test {
 protected:
  // Every verb that opens a file refuses it with this code.
  void expect_refused(const std::string& path, const std::string& code, const std::string& found) const {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"info", path},
                                                                                       {"verify", path},
                                                                                       {"export", path},
                                                                                       {"exec", path},
                                                                                       {"upgrade", path},
                                                                                       {"fingerprint", path},
                                                                                       {"current", path}}) {
      const Finished finished = piecemark(words);
      EXPECT_EQ(finished.status, 3) << words[0] << " " << path;
      EXPECT_THAT(finished.err, HasSubstr(": " + code + "\n")) << words[0];
      EXPECT_THAT(finished.err, HasSubstr("  found      " + found)) << words[0];
      EXPECT_THAT(finished.err, HasSubstr("  next       ")) << words[0];
    }
  }
  std::string sound_store() const {
    const std::string path = folder_.path("sound.pmk");
    Store store = Store::create(path);
    WriteTxn transaction = store.write();
    for (int i = 0; i < 500; ++i) transaction.insert({.piece_mark = "G1"});
    transaction.commit();
    return path;
  }
  // A store whose stamp is replaced: both copies of it in the file, with a checksum that holds.
  std::string with_stamp(const engine::Stamp& stamp) const {
    std::string bytes = testing::read_file(sound_store());
    const std::string encoded = engine::encode_stamp(stamp);
    for (auto at = bytes.find(engine::kStampMagic); at != std::string::npos;
         at = bytes.find(engine::kStampMagic, at + 1)) {
      bytes.replace(at, encoded.size(), encoded);
    }
    return folder_.write("stamped.pmk", bytes);
  }

  TemporaryFolder folder_;
};

TEST_F(BadFileTest, Missing) {
  expect_refused(folder_.path("missing.pmk"), "file_not_found", "no such file");
}
TEST_F(BadFileTest, Folder) {
  expect_refused(folder_.path(""), "not_a_store", "a folder");
}
TEST_F(BadFileTest, Empty) {
  expect_refused(folder_.write("empty", ""), "not_a_store", "an empty file");
}
TEST_F(BadFileTest, Text) {
  expect_refused(folder_.write("text", "hello\n"), "not_a_store", "a text file");
}
TEST_F(BadFileTest, Sqlite) {
  expect_refused(folder_.write("db", "SQLite format 3"), "not_a_store", "an SQLite database");
}
TEST_F(BadFileTest, Garbage) {
  expect_refused(folder_.write("garbage", std::string(50'000, '\x9C')), "not_a_store",
                 "bytes of an unknown kind");
}

TEST_F(BadFileTest, OtherGenerationsOfLmdb) {
  std::string bytes = testing::read_file(sound_store());
  for (const std::size_t page : {std::size_t{0}, std::size_t{4096}})
    engine::store(bytes.data() + page + 20, std::uint32_t{999});
  expect_refused(folder_.write("other.pmk", bytes), "unsupported_container",
                 "an LMDB file of data version 999");
  std::string lmdb_1(8192, '\0');
  engine::store(lmdb_1.data() + 24, std::uint32_t{0xBEEFC0DE});
  expect_refused(folder_.write("one.pmk", lmdb_1), "unsupported_container", "an LMDB 1.0 file");
}

TEST_F(BadFileTest, TruncatedAnywhere) {
  const std::string bytes = testing::read_file(sound_store());
  for (std::size_t size = 4096; size < bytes.size(); size += bytes.size() / 7) {
    expect_refused(folder_.write("short.pmk", bytes.substr(0, size)), "corrupt_file", "page ");
  }
  expect_refused(folder_.write("short.pmk", bytes.substr(0, bytes.size() - 1)), "corrupt_file", "page ");
}

TEST_F(BadFileTest, DamagedPageIsNamed) {
  std::string bytes = testing::read_file(sound_store());
  for (const std::size_t page : {std::size_t{0}, std::size_t{4096}})  // the entries of the main tree
    engine::store(bytes.data() + page + 16 + 72 + 32, std::uint64_t{77});
  const std::string path = folder_.write("damaged.pmk", bytes);
  constexpr const char* kReason = ": the entry counter of the tree does not agree with its entries";
  expect_refused(path, "corrupt_file", "page ");
  EXPECT_THAT(piecemark({"verify", path, "--deep"}).err, HasSubstr(kReason));
  EXPECT_THAT(piecemark({"info", path}).out, HasSubstr(kReason));
  EXPECT_THAT(piecemark({"info", path, "--json"}).out, HasSubstr("\"damage\":\"page "));
}

TEST_F(BadFileTest, DeepVerificationWalksThePagesOfASoundFile) {
  EXPECT_THAT(piecemark({"verify", sound_store(), "--deep"}).out, HasSubstr("pages       sound"));
}

TEST_F(BadFileTest, NewerFormat) {
  const std::string path =
      with_stamp({.format = 9, .reader_min = 9, .writer_min = 9, .created_by = {2, 1, 0}});
  expect_refused(path, "format_too_new", "format 9 (written by piecemark 2.1.0)");
  EXPECT_THAT(piecemark({"info", path}).out, HasSubstr("9 (unknown)"));
}

TEST_F(BadFileTest, UnknownFeatures) {
  const std::string path = with_stamp({.format = 3, .reader_min = 3, .writer_min = 3, .features = 4});
  EXPECT_EQ(piecemark({"verify", path}).status, 0) << "they refuse writing only";
  EXPECT_THAT(piecemark({"exec", path}, R"({"op":"insert","row":{"piece_mark":"G1"}})").out,
              HasSubstr("features that this library does not know"));
}

TEST_F(BadFileTest, WrongMagicAndDamagedStamp) {
  const auto damaged = [&](std::size_t offset) {
    std::string bytes = testing::read_file(sound_store());
    for (auto at = bytes.find(engine::kStampMagic); at != std::string::npos;
         at = bytes.find(engine::kStampMagic, at + 1))
      bytes[at + offset] ^= 1;
    std::filesystem::remove(folder_.path("sound.pmk"));
    return folder_.write("damaged.pmk", bytes);
  };
  expect_refused(damaged(0), "corrupt_record", "a stamp with the wrong magic");
  expect_refused(damaged(8), "corrupt_record", "a damaged stamp");
}

// Root may read everything, so that a child gives that privilege up before it tries.
TEST_F(BadFileTest, NoPermission) {
  const std::string path = sound_store();
  std::filesystem::permissions(path, std::filesystem::perms::none);
  std::filesystem::permissions(folder_.path(""), std::filesystem::perms(0755));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    const bool reads =
        testing::error_of([&] { Store::open(path, {.read_only = true}); }) != ErrorCode::permission_denied;
    const bool writes = testing::error_of([&] { Store::open(path); }) != ErrorCode::permission_denied;
    ::_exit(reads || writes ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(BadFileTest, LmdbFileOfAnotherProgram) {
  constexpr std::array<std::string_view, 1> kTables{"other"};
  engine::Environment::create(folder_.path("other.mdb"), kTables, [](engine::WriteTransaction&) {});
  expect_refused(folder_.path("other.mdb"), "not_a_store", "an LMDB file without the table");
}

}  // namespace
}  // namespace piecemark
