#include "engine/page_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <random>
#include <utility>

#include "engine/bytes.h"
#include "engine/lmdb_pages.h"
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
  static lmdb::Meta meta_of(const std::string& bytes) {
    return lmdb::load_meta(bytes.data() + newest_meta(bytes));
  }
  static std::size_t main_root(const std::string& bytes) { return meta_of(bytes).main.root * kPage; }
  static lmdb::Node node_at(const std::string& bytes, std::size_t page, unsigned index) {
    return {bytes.data() + page + lmdb::PageHeader{bytes.data() + page}.node_offset(index)};
  }
  // Where the root page of a table begins.
  static std::size_t root_of(const std::string& bytes, std::string_view table) {
    const std::size_t main = main_root(bytes);
    for (unsigned i = 0; i < meta_of(bytes).main.entries; ++i) {
      const lmdb::Node node = node_at(bytes, main, i);
      if (node.key() == table) return lmdb::load_tree(node.data()).root * kPage;
    }
    return 0;
  }
  // Where the root page of a table begins that has branch pages.
  static std::size_t branch_root(const std::string& bytes) {
    const std::size_t main = main_root(bytes);
    for (unsigned i = 0; i < meta_of(bytes).main.entries; ++i) {
      const lmdb::Tree tree = lmdb::load_tree(node_at(bytes, main, i).data());
      if (tree.depth > 1) return tree.root * kPage;
    }
    return 0;
  }
  // Makes a leaf page anew, with these nodes at these offsets from its end, whatever sense they make.
  struct ForgedNode {
    std::size_t from_end;
    std::string key;
    std::size_t data_size;
  };
  static void forge_leaf(std::string& bytes, std::size_t page, std::size_t used,
                         std::initializer_list<ForgedNode> nodes) {
    char* const at = bytes.data() + page;
    std::memset(at + lmdb::kHeaderSize, 0, kPage - lmdb::kHeaderSize);
    store(at + 12, static_cast<std::uint16_t>(lmdb::kHeaderSize + 2 * nodes.size()));
    store(at + 14, static_cast<std::uint16_t>(kPage - used));
    char* offset = at + lmdb::kHeaderSize;
    for (const ForgedNode& node : nodes) {
      char* const header = at + kPage - node.from_end;
      store(std::exchange(offset, offset + 2), static_cast<std::uint16_t>(kPage - node.from_end));
      store(header, static_cast<std::uint16_t>(node.data_size));
      store(header + 6, static_cast<std::uint16_t>(node.key.size()));
      std::memcpy(header + lmdb::kNodeHeaderSize, node.key.data(), node.key.size());
    }
  }

  static const std::string& sample() { return *sound_; }

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

// Their sizes add up, so that only their places tell. The first change of such a page would tear them apart.
TEST_F(PageCheckTest, OverlappingNodesAreFound) {
  EXPECT_EQ(reason([](std::string& b) {
              forge_leaf(b, root_of(b, "drawings"), 96, {{96, "a", 41}, {76, "b", 37}});
            }),
            "nodes that overlap or leave gaps");
  EXPECT_EQ(reason([](std::string& b) {
              forge_leaf(b, root_of(b, "drawings"), 100, {{100, "a", 41}, {50, "b", 41}});
            }),
            "sound");
}

TEST_F(PageCheckTest, NodeThatLmdbWouldNotLeaveInItsPageIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              forge_leaf(b, root_of(b, "drawings"), 3060, {{3060, "a", 2991}, {60, "b", 51}});
            }),
            "a node that is too large for its page");
}

TEST_F(PageCheckTest, BranchThatLeadsToItselfIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              const std::size_t root = branch_root(b);
              const char* const first = node_at(b, root, 0).at;
              store(b.data() + (first - b.data()), static_cast<std::uint32_t>(root / kPage));
            }),
            "the page is reached twice");
}

// LMDB changes a page that it takes for its own copy in place: in the map.
TEST_F(PageCheckTest, FlagsOfPagesInMemoryAreFound) {
  constexpr std::uint16_t kDirty = 0x10;
  std::size_t overflow_pages = 0;
  for (std::size_t page = 2 * kPage; page < sample().size(); page += kPage) {
    const lmdb::PageHeader header{sample().data() + page};
    const std::uint16_t flags = header.flags();
    const bool is_overflow = header.number() == page / kPage && flags == lmdb::kOverflowPage;
    if (!is_overflow && page != main_root(sample()) && page != branch_root(sample())) continue;
    const std::string found = reason(
        [&](std::string& b) { store(b.data() + page + 10, static_cast<std::uint16_t>(flags | kDirty)); });
    if (found == "no overflow page") ++overflow_pages;
    if (!is_overflow) {
      EXPECT_EQ(found, "a page of the wrong kind");
    }
  }
  EXPECT_GT(overflow_pages, 0);
}

// It would be handed out for the next page that is written.
TEST_F(PageCheckTest, FreeListThatNamesAPageInUseIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              const lmdb::Node node = node_at(b, meta_of(b).free.root * kPage, 0);
              char* const numbers = b.data() + (node.data() - b.data());
              ASSERT_GT(load<std::uint64_t>(numbers), 0);
              ASSERT_FALSE(node.has_big_data());
              store(numbers, std::uint64_t{1});
              store(numbers + 8, meta_of(b).main.root);
            }),
            "a free page that is in use, or free twice");
}

TEST_F(PageCheckTest, FreeListOfATransactionToComeIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              const std::size_t root = meta_of(b).free.root * kPage;
              const unsigned last = static_cast<unsigned>(meta_of(b).free.entries) - 1;
              const char* const key = node_at(b, root, last).key().data();
              store(b.data() + (key - b.data()), meta_of(b).transaction + 1);
            }),
            "a free list of a transaction to come");
}

// Neither counters nor keys tell that a table is gone.
TEST_F(PageCheckTest, TableWhosePagesAreLeftBehindIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              const std::size_t blocks = b.find("blocks.3", main_root(b)) + 8;
              const std::size_t stash = b.find("stash", main_root(b)) + 5;
              std::memcpy(b.data() + blocks, b.data() + stash, lmdb::kTreeSize);
            }),
            "pages that neither a table nor the free list leads to");
}

// What a file says of itself must not make the check take memory or time.
TEST_F(PageCheckTest, LastPageFarBehindTheEndOfTheFileIsFound) {
  EXPECT_EQ(reason([](std::string& b) {
              store(b.data() + newest_meta(b) + 16, std::uint64_t{1} << 46);
              store(b.data() + newest_meta(b) + 120, (std::uint64_t{1} << 34) - 1);
            }),
            "last page far behind the end of the file");
}

TEST_F(PageCheckTest, DamageOfTheOlderMetaPageIsFound) {
  const auto older = [](const std::string& b) { return newest_meta(b) == kPage + 16 ? 16 : kPage + 16; };
  EXPECT_EQ(reason([&](std::string& b) { b[older(b) - 16] ^= 1; }), "no meta page");
  EXPECT_EQ(reason([&](std::string& b) { b[older(b) - 6] |= 0x10; }), "no meta page");
  EXPECT_EQ(reason([&](std::string& b) { b[older(b)] ^= 1; }), "meta page without LMDB's magic or version");
  EXPECT_EQ(reason([&](std::string& b) { store(b.data() + older(b) + 24, std::uint32_t{8192}); }),
            older(sample()) == 16 ? "no meta page" : "the meta pages disagree on the page size");
  EXPECT_EQ(reason([&](std::string& b) { store(b.data() + older(b) + 128, std::uint64_t{0}); }),
            "the meta pages are not of successive commits");
  EXPECT_EQ(reason([&](std::string& b) {
              for (const std::size_t meta : {std::size_t{16}, kPage + 16}) {
                char* const number = b.data() + meta + 128;
                store(number, load<std::uint64_t>(number) | std::uint64_t{1} << 62);
              }
            }),
            "impossible number of a transaction");
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
