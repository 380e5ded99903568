#include "engine/page_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "engine/bytes.h"
#include "piecemark/store.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

constexpr std::size_t kPage = 4096;

// A store with a tree of some depth, an overflow page and a free list.
std::string sample_bytes() {
  TemporaryFolder folder;
  const std::string path = folder.path("store.pmk");
  {
    Store store = Store::create(path);
    Uuid first;
    for (int round = 0; round < 3; ++round) {
      WriteTxn transaction = store.write();
      const Uuid drawing = transaction.insert_drawing({.name = "S-101"});
      if (round == 0) first = drawing;
      for (int i = 0; i < 400; ++i) {
        transaction.insert({.drawing_id = drawing,
                            .piece_mark = "G" + std::to_string(i),
                            .bounding_box = "[" + std::string(i == 7 ? 9000 : 10, '1') + "]"});
      }
      transaction.commit();
    }
    WriteTxn transaction = store.write();
    transaction.erase_drawing(first);  // The last page stays in use.
    transaction.commit();
  }
  return testing::read_file(path);
}

class PageCheckTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { sound_ = new std::string(sample_bytes()); }
  static void TearDownTestSuite() { delete sound_; }

  std::optional<PageDamage> check(const std::string& bytes) const {
    os::File file;
    EXPECT_FALSE(os::open_file(folder_.write("store.pmk", bytes), os::Access::read, file));
    return check_pages(file);
  }
  // The reason why the bytes are refused, changed by `change`.
  template <class Change>
  std::string reason(const Change& change) const {
    std::string bytes = *sound_;
    change(bytes);
    const auto damage = check(bytes);
    return damage ? damage->reason : "sound";
  }
  static std::size_t newest_meta(const std::string& bytes) {
    const auto transaction = [&](std::size_t page) {
      return load<std::uint64_t>(bytes.data() + page * kPage + 16 + 128);
    };
    return (transaction(1) > transaction(0) ? 1 : 0) * kPage + 16;
  }
  static std::size_t main_root(const std::string& bytes) {
    return load<std::uint64_t>(bytes.data() + newest_meta(bytes) + 72 + 40) * kPage;
  }

  static std::string* sound_;
  TemporaryFolder folder_;
};

std::string* PageCheckTest::sound_ = nullptr;

TEST_F(PageCheckTest, SoundFilePasses) {
  EXPECT_EQ(reason([](std::string&) {}), "sound");
}

TEST_F(PageCheckTest, EveryTruncationOfPagesInUseIsFound) {
  for (std::size_t size = sound_->size() - kPage; size > 2 * kPage; size -= kPage) {
    const auto damage = check(sound_->substr(0, size));
    ASSERT_TRUE(damage) << size;
  }
  EXPECT_EQ(check(sound_->substr(0, kPage))->reason, "the file ends before this page: it was truncated");
}

TEST_F(PageCheckTest, NamesWhatIsWrong) {
  EXPECT_EQ(reason([](std::string& b) { b[newest_meta(b)] ^= 1; }),
            "meta page without LMDB's magic or version");
  EXPECT_EQ(reason([](std::string& b) { store(b.data() + 16 + 24, std::uint32_t{4097}); }),
            "impossible page size");
  EXPECT_EQ(reason([](std::string& b) { store(b.data() + newest_meta(b) + 120, std::uint64_t{1} << 50); }),
            "last page beyond the map");
  EXPECT_EQ(
      reason([](std::string& b) { store(b.data() + newest_meta(b) + 72 + 40, std::uint64_t{1} << 40); }),
      "a page number out of range");
  EXPECT_EQ(reason([](std::string& b) { store(b.data() + newest_meta(b) + 72 + 32, std::uint64_t{3}); }),
            "the entry counter of the tree does not agree with its entries");
  EXPECT_EQ(reason([](std::string& b) { b[main_root(b)] ^= 1; }), "the page says that it is another");
  EXPECT_EQ(reason([](std::string& b) { b[main_root(b) + 10] = 5; }), "a page of the wrong kind");
  EXPECT_EQ(reason([](std::string& b) { store(b.data() + main_root(b) + 12, std::uint16_t{9000}); }),
            "impossible bounds of the free space");
  EXPECT_EQ(reason([](std::string& b) { store(b.data() + main_root(b) + 16, std::uint16_t{4094}); }),
            "a node outside its page");
}

// Roots of two tables that are the same page: every page is reached twice.
TEST_F(PageCheckTest, SharedRootsAreFound) {
  EXPECT_EQ(reason([](std::string& b) {
              const std::size_t blocks = b.find("blocks.3", main_root(b));
              const std::size_t ids = b.find("ids.3", main_root(b));
              std::memcpy(b.data() + ids + 5, b.data() + blocks + 8, 48);
            }),
            "the page is reached twice");
}

// Damage may be anywhere: opening and reading everything ends with an error or an answer, never with a
// signal. A program of its own does it, so that a crash is seen as one.
TEST_F(PageCheckTest, DamagedFilesNeverCrashTheProgram) {
  std::mt19937 random(42);
  const std::string path = folder_.path("damaged.pmk");
  for (int round = 0; round < 150; ++round) {
    std::string bytes = *sound_;
    const std::size_t changes = 1 + random() % 16;
    const std::size_t place = random() % 3 == 0 ? random() % (2 * kPage) : random() % bytes.size();
    for (std::size_t i = 0; i < changes; ++i)
      bytes[std::min(place + random() % 64, bytes.size() - 1)] = static_cast<char>(random());
    folder_.write("damaged.pmk", bytes);
    const int status = testing::piecemark({"verify", path}).status;
    ASSERT_TRUE(status == 0 || status == 1 || status == 3) << "round " << round << " ended with " << status;
  }
}

TEST_F(PageCheckTest, TrustedOpenSkipsTheWalk) {
  std::string bytes = *sound_;
  store(bytes.data() + newest_meta(bytes) + 72 + 32, std::uint64_t{3});  // A counter that nothing depends on.
  const std::string path = folder_.write("store.pmk", bytes);
  EXPECT_EQ(error_of([&] { Store::open(path); }), ErrorCode::corrupt_file);
  EXPECT_EQ(error_of([&] { Store::open(path, {.trusted = true}); }), std::nullopt);
}

}  // namespace
}  // namespace piecemark::engine
