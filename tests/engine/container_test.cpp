#include "engine/container.h"

#include <gtest/gtest.h>

#include "piecemark/store.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

class ContainerTest : public ::testing::Test {
 protected:
  Container identify(std::string_view bytes) const {
    os::File file;
    EXPECT_FALSE(os::open_file(folder_.write("file", bytes), os::Access::read, file));
    return identify_container(file);
  }

  TemporaryFolder folder_;
};

std::string lmdb_head(std::uint32_t magic, std::uint32_t version, std::size_t offset) {
  std::string head(152, '\0');
  store(head.data() + offset, magic);
  store(head.data() + offset + 4, version);
  return head;
}

TEST_F(ContainerTest, TellsLmdbFromOtherGenerations) {
  EXPECT_EQ(identify(lmdb_head(0xBEEFC0DE, 1, 16)).kind, ContainerKind::lmdb);
  EXPECT_EQ(identify(lmdb_head(0xBEEFC0DE, 2, 16)).kind, ContainerKind::other_lmdb);
  EXPECT_EQ(identify(lmdb_head(0xBEEFC0DE, 2, 24)).description, "an LMDB 1.0 file");
  EXPECT_EQ(identify(lmdb_head(0xDEC0EFBE, 0, 16)).description, "an LMDB file of a big-endian machine");
  EXPECT_EQ(identify(lmdb_head(0xBEEFC0DE, 1, 12)).description, "an LMDB file of a 32-bit machine");
}

TEST_F(ContainerTest, NamesWhatIsNoStore) {
  EXPECT_EQ(identify("").description, "an empty file");
  EXPECT_EQ(identify("SQLite format 3\0 and more").description, "an SQLite database");
  EXPECT_EQ(identify("PK\x03\x04").description, "a ZIP archive");
  EXPECT_EQ(identify("drawing_id,piece_mark\r\n").description,
            "a text file; 'piecemark import' reads CSV and NDJSON into a store");
  EXPECT_EQ(identify("\x01\x02\x03").description, "bytes of an unknown kind");
}

TEST_F(ContainerTest, EveryForeignFileIsRefusedByOpen) {
  const auto open = [&](std::string_view bytes) {
    return error_of([&] { Store::open(folder_.write("file", bytes)); });
  };
  EXPECT_EQ(open(""), ErrorCode::not_a_store);
  EXPECT_EQ(open("SQLite format 3"), ErrorCode::not_a_store);
  EXPECT_EQ(open(std::string(100'000, 'x')), ErrorCode::not_a_store);
  EXPECT_EQ(open(lmdb_head(0xBEEFC0DE, 2, 16)), ErrorCode::unsupported_container);
  EXPECT_EQ(open(lmdb_head(0xBEEFC0DE, 2, 24)), ErrorCode::unsupported_container);
  EXPECT_EQ(open(lmdb_head(0xBEEFC0DE, 1, 16)), ErrorCode::corrupt_file);
  EXPECT_EQ(error_of([&] { Store::open(folder_.path("missing")); }), ErrorCode::file_not_found);
  EXPECT_EQ(error_of([&] { Store::open(folder_.path("")); }), ErrorCode::not_a_store);
}

TEST_F(ContainerTest, StampIsFoundInTheBytesOfAFile) {
  const std::string path = folder_.path("store.pmk");
  Store::create(path, {.format = 1, .nulls_not_distinct = true});
  os::File file;
  ASSERT_FALSE(os::open_file(path, os::Access::read, file));
  const auto stamp = search_stamp(file);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->format, 1U);
  EXPECT_TRUE(stamp->nulls_not_distinct);
}

}  // namespace
}  // namespace piecemark::engine
