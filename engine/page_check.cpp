#include "page_check.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "bytes.h"

namespace piecemark::engine {
namespace {

// LMDB's data format, version 1, on 64-bit little-endian machines.
//
//   page header   0 page number (8)  8 pad (2)  10 flags (2)  12 lower (2)  14 upper (2); overflow: 12 pages
//   (4) meta record   behind the header: 0 magic (4)  4 version (4)  8 address (8)  16 map size (8)
//                 24 free tree (48)  72 main tree (48)  120 last page (8)  128 transaction id (8)
//   tree record   0 pad (4)  4 flags (2)  6 depth (2)  8 branch pages (8)  16 leaf pages (8)
//                 24 overflow pages (8)  32 entries (8)  40 root (8)
//   node          0 low (2)  2 high (2)  4 flags (2)  6 key size (2)  8 key, then data
//                 branch: low, high and flags are the child's page number; leaf: low and high the data size
constexpr std::size_t kHeaderSize = 16;
constexpr std::size_t kMetaSize = 136;
constexpr std::size_t kTreeSize = 48;
constexpr std::size_t kNodeHeaderSize = 8;
constexpr std::size_t kKeySizeMax = 511;
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint64_t kNoRoot = ~std::uint64_t{0};
constexpr std::uint64_t kMapSizeMax = std::uint64_t{1} << 46;
constexpr unsigned kDepthMax = 32;  // of LMDB's own cursors

constexpr std::uint16_t kBranchPage = 0x01;
constexpr std::uint16_t kLeafPage = 0x02;
constexpr std::uint16_t kOverflowPage = 0x04;
constexpr std::uint16_t kMetaPage = 0x08;
constexpr std::uint16_t kBigData = 0x01;  // The value lies on overflow pages.
constexpr std::uint16_t kSubTree = 0x02;  // The value is the record of a table.

constexpr std::uint16_t kIntegerKeys = 0x08;  // of the free tree
constexpr std::uint16_t kTreeFlagsStored = 0x7F;

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNoRoot;
};

Tree load_tree(const char* from) {
  return {
      .flags = load<std::uint16_t>(from + 4),
      .depth = load<std::uint16_t>(from + 6),
      .branch_pages = load<std::uint64_t>(from + 8),
      .leaf_pages = load<std::uint64_t>(from + 16),
      .overflow_pages = load<std::uint64_t>(from + 24),
      .entries = load<std::uint64_t>(from + 32),
      .root = load<std::uint64_t>(from + 40),
  };
}

struct Meta {
  std::uint64_t page_size = 0;
  std::uint64_t map_size = 0;
  Tree free;
  Tree main;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

enum class TreeKind : std::uint8_t { free, main, table };

// A node of a page that has passed check_nodes.
struct Node {
  const char* at;
  std::uint16_t key_size() const { return load<std::uint16_t>(at + 6); }
  Bytes key() const { return {at + kNodeHeaderSize, key_size()}; }
  std::uint16_t flags() const { return load<std::uint16_t>(at + 4); }
  std::uint32_t data_size() const {
    return load<std::uint16_t>(at) | std::uint32_t{load<std::uint16_t>(at + 2)} << 16;
  }
  const char* data() const { return at + kNodeHeaderSize + key_size(); }
  std::uint64_t child() const { return data_size() | std::uint64_t{flags()} << 32; }
};

// Ends the walk; caught in check_pages.
struct Damaged {
  PageDamage damage;
};

class Checker {
 public:
  explicit Checker(const os::File& file) : file_(file) {}

  void run() {
    os::FileFacts facts;
    if (os::facts_of(file_, facts)) fail(0, "the size of the file cannot be read");
    file_size_ = facts.size_bytes;
    const Meta meta = newest_meta();
    page_size_ = meta.page_size;
    last_page_ = meta.last_page;
    transaction_ = meta.transaction;
    reached_.assign(last_page_ / 64 + 1, 0);
    walk_tree(meta.free, TreeKind::free, 0);
    walk_tree(meta.main, TreeKind::main, 0);
    for (const std::uint64_t page : free_pages_) reach(page, 0);
  }

 private:
  // What lies between two keys of the parent. A missing bound is open.
  struct Range {
    std::optional<Bytes> from;
    std::optional<Bytes> to;
  };
  struct Counters {
    std::uint64_t branch_pages = 0;
    std::uint64_t leaf_pages = 0;
    std::uint64_t overflow_pages = 0;
    std::uint64_t entries = 0;
  };
  // One tree on the way down: a page buffer for each level, so that the keys of the parents stay at hand.
  struct Walk {
    TreeKind kind;
    unsigned depth;
    std::vector<char> pages;
    Counters counted;
  };

  [[noreturn]] static void fail(std::uint64_t page, std::string reason) {
    throw Damaged{{page, std::move(reason)}};
  }
  static void require(bool holds, std::uint64_t page, const char* reason) {
    if (!holds) fail(page, reason);
  }

  void read(std::uint64_t offset, std::span<char> into, std::uint64_t page) const {
    std::size_t got = 0;
    if (os::read_at(file_, offset, into, got)) fail(page, "the page cannot be read");
    if (got < into.size()) fail(page, "the file ends before this page: it was truncated");
  }

  Meta load_meta(std::uint64_t page, std::uint64_t offset) const {
    std::array<char, kHeaderSize + kMetaSize> bytes{};
    read(offset, bytes, page);
    const char* meta = bytes.data() + kHeaderSize;
    require((load<std::uint16_t>(bytes.data() + 10) & kMetaPage) != 0, page, "no meta page");
    require(load<std::uint32_t>(meta) == kMagic && load<std::uint32_t>(meta + 4) == 1, page,
            "meta page without LMDB's magic or version");
    const Meta loaded{
        .page_size = load<std::uint32_t>(meta + 24),
        .map_size = load<std::uint64_t>(meta + 16),
        .free = load_tree(meta + 24),
        .main = load_tree(meta + 72),
        .last_page = load<std::uint64_t>(meta + 120),
        .transaction = load<std::uint64_t>(meta + 128),
    };
    const bool size_is_power_of_two = (loaded.page_size & (loaded.page_size - 1)) == 0;
    require(loaded.page_size >= 512 && loaded.page_size <= 65536 && size_is_power_of_two, page,
            "impossible page size");
    require(loaded.map_size <= kMapSizeMax, page, "impossible map size");
    require(loaded.last_page >= 1 && loaded.last_page < loaded.map_size / loaded.page_size, page,
            "last page beyond the map");
    require((loaded.free.flags & kTreeFlagsStored) == kIntegerKeys && loaded.main.flags == 0, page,
            "impossible flags of a tree");
    return loaded;
  }

  Meta newest_meta() const {
    const Meta first = load_meta(0, 0);
    const Meta second = load_meta(1, first.page_size);
    require(first.page_size == second.page_size, 1, "the meta pages disagree on the page size");
    const Meta& newer = second.transaction > first.transaction ? second : first;
    const Meta& older = second.transaction > first.transaction ? first : second;
    const std::uint64_t page = &newer == &second ? 1 : 0;
    // Commits write the two in turns.
    require(newer.transaction == 0 || newer.transaction % 2 == page, page,
            "a meta page in the other's place");
    require(newer.transaction == 0 || newer.transaction == older.transaction + 1, page,
            "the meta pages are not of successive commits");
    return newer;
  }

  void reach(std::uint64_t page, std::uint64_t from) {
    require(page >= 2 && page <= last_page_, from, "a page number out of range");
    std::uint64_t& word = reached_[page / 64];
    const std::uint64_t bit = std::uint64_t{1} << (page % 64);
    require((word & bit) == 0, page, "the page is reached twice");
    word |= bit;
  }

  void walk_tree(const Tree& tree, TreeKind kind, std::uint64_t from) {
    if (tree.root == kNoRoot) {
      const bool is_empty = tree.depth == 0 && tree.entries == 0 && tree.branch_pages == 0 &&
                            tree.leaf_pages == 0 && tree.overflow_pages == 0;
      require(is_empty, from, "an empty tree with counters");
      return;
    }
    require(tree.depth >= 1 && tree.depth <= kDepthMax, from, "impossible depth of a tree");
    Walk walk{kind, tree.depth, std::vector<char>(tree.depth * page_size_), {}};
    walk_page(walk, tree.root, 1, {}, from);
    const Counters& counted = walk.counted;
    require(counted.branch_pages == tree.branch_pages && counted.leaf_pages == tree.leaf_pages &&
                counted.overflow_pages == tree.overflow_pages,
            tree.root, "page counters of the tree do not agree with its pages");
    require(counted.entries == tree.entries, tree.root,
            "the entry counter of the tree does not agree with its entries");
  }

  void walk_page(Walk& walk, std::uint64_t page, unsigned level, const Range& range, std::uint64_t from) {
    reach(page, from);
    const std::span<char> bytes = std::span(walk.pages).subspan((level - 1) * page_size_, page_size_);
    read(page * page_size_, bytes, page);
    const char* const at = bytes.data();
    const bool is_leaf = level == walk.depth;
    require(load<std::uint64_t>(at) == page, page, "the page says that it is another");
    require(load<std::uint16_t>(at + 10) == (is_leaf ? kLeafPage : kBranchPage), page,
            "a page of the wrong kind");
    ++(is_leaf ? walk.counted.leaf_pages : walk.counted.branch_pages);
    const unsigned count = check_nodes(walk.kind, at, page, is_leaf);
    check_order(walk.kind, at, page, count, is_leaf, range);
    for (unsigned i = 0; i < count; ++i) {
      const Node node = node_at(at, i);
      if (is_leaf) {
        check_value(walk, node, page);
        continue;
      }
      const Range below{i == 0 ? range.from : node.key(),
                        i + 1 < count ? std::optional(node_at(at, i + 1).key()) : range.to};
      walk_page(walk, node.child(), level + 1, below, page);
    }
  }

  static Node node_at(const char* page, unsigned index) {
    return {page + load<std::uint16_t>(page + kHeaderSize + 2 * std::size_t{index})};
  }

  // Bounds: every node lies within the page, and together they fill its upper part without overlap.
  unsigned check_nodes(TreeKind kind, const char* at, std::uint64_t page, bool is_leaf) const {
    const auto lower = load<std::uint16_t>(at + 12);
    const auto upper = load<std::uint16_t>(at + 14);
    require(lower >= kHeaderSize && lower % 2 == 0 && lower <= upper && upper <= page_size_, page,
            "impossible bounds of the free space");
    const unsigned count = (lower - static_cast<unsigned>(kHeaderSize)) / 2;
    require(count >= (is_leaf || kind == TreeKind::free ? 1U : 2U), page, "too few nodes");
    std::uint64_t total = 0;
    for (unsigned i = 0; i < count; ++i) {
      const auto offset = load<std::uint16_t>(at + kHeaderSize + 2 * std::size_t{i});
      require(offset % 2 == 0 && offset >= upper && offset + kNodeHeaderSize <= page_size_, page,
              "a node outside its page");
      const Node node{at + offset};
      std::uint64_t size = kNodeHeaderSize + std::uint64_t{node.key_size()};
      if (is_leaf) {
        check_flags(kind, node, page);
        size += (node.flags() & kBigData) != 0 ? sizeof(std::uint64_t) : std::uint64_t{node.data_size()};
      }
      require(offset + size <= page_size_, page, "a node that reaches beyond its page");
      const bool has_key = is_leaf || i > 0;
      const std::size_t key_size_min = has_key ? 1 : 0;
      require(node.key_size() >= key_size_min && node.key_size() <= kKeySizeMax, page,
              "impossible size of a key");
      require(kind != TreeKind::free || !has_key || node.key_size() == sizeof(std::uint64_t), page,
              "impossible size of a key in the free list");
      total += size + size % 2;
    }
    require(total == page_size_ - upper, page, "nodes that overlap or leave gaps");
    return count;
  }

  static void check_flags(TreeKind kind, const Node& node, std::uint64_t page) {
    const std::uint16_t expected = kind == TreeKind::main ? kSubTree : node.flags() & kBigData;
    require(node.flags() == expected, page, "impossible flags of a node");
    require(kind != TreeKind::main || node.data_size() == kTreeSize, page,
            "a table record of the wrong size");
  }

  static bool is_less(TreeKind kind, Bytes a, Bytes b) {
    if (kind == TreeKind::free) return load<std::uint64_t>(a.data()) < load<std::uint64_t>(b.data());
    return a < b;
  }

  // The first key of a branch page stands for everything below its second, and is not looked at.
  static void check_order(TreeKind kind, const char* at, std::uint64_t page, unsigned count, bool is_leaf,
                          const Range& range) {
    std::optional<Bytes> previous;
    for (unsigned i = is_leaf ? 0 : 1; i < count; ++i) {
      const Bytes key = node_at(at, i).key();
      require(!previous || is_less(kind, *previous, key), page, "keys out of order");
      require(!range.from || !is_less(kind, key, *range.from), page, "a key below those of its page");
      require(!range.to || is_less(kind, key, *range.to), page, "a key above those of its page");
      previous = key;
    }
  }

  void check_value(Walk& walk, const Node& node, std::uint64_t page) {
    ++walk.counted.entries;
    const bool is_big = (node.flags() & kBigData) != 0;
    if (is_big) check_overflow(walk, node, page);
    if (walk.kind == TreeKind::main) {
      const Tree tree = load_tree(node.data());
      require(tree.flags == 0, page, "a table with flags");
      require(node.key().find('\0') == Bytes::npos, page, "a table name with a zero byte");
      walk_tree(tree, TreeKind::table, page);
    }
    if (walk.kind == TreeKind::free) collect_free_pages(node, page, is_big);
  }

  void check_overflow(Walk& walk, const Node& node, std::uint64_t page) {
    const auto first = load<std::uint64_t>(node.data());
    require(first >= 2 && first <= last_page_, page, "an overflow page number out of range");
    std::array<char, kHeaderSize> header{};
    read(first * page_size_, header, first);
    const std::uint64_t pages = load<std::uint32_t>(header.data() + 12);
    const std::uint64_t needed = (kHeaderSize - 1 + node.data_size()) / page_size_ + 1;
    require(load<std::uint64_t>(header.data()) == first &&
                load<std::uint16_t>(header.data() + 10) == kOverflowPage,
            first, "no overflow page");
    require(pages >= needed && first + pages - 1 <= last_page_, first, "impossible number of overflow pages");
    require((first + needed) * page_size_ <= file_size_, first,
            "the file ends within these overflow pages: it was truncated");
    for (std::uint64_t i = 0; i < pages; ++i) reach(first + i, page);
    walk.counted.overflow_pages += pages;
  }

  // A value of the free list: how many pages, then their numbers in descending order.
  void collect_free_pages(const Node& node, std::uint64_t page, bool is_big) {
    const auto transaction = load<std::uint64_t>(node.key().data());
    require(transaction >= 1 && transaction <= transaction_, page, "a free list of a transaction to come");
    std::vector<char> numbers(node.data_size());
    if (is_big) {
      read(load<std::uint64_t>(node.data()) * page_size_ + kHeaderSize, numbers, page);
    } else {
      std::copy_n(node.data(), numbers.size(), numbers.data());
    }
    constexpr std::size_t kNumber = sizeof(std::uint64_t);
    require(numbers.size() >= kNumber && numbers.size() % kNumber == 0, page,
            "a free list of impossible size");
    const auto count = load<std::uint64_t>(numbers.data());
    require(count < numbers.size() / kNumber, page, "a free list longer than its record");
    std::uint64_t previous = ~std::uint64_t{0};
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto number = load<std::uint64_t>(numbers.data() + i * kNumber);
      require(number < previous, page, "a free list out of order");
      free_pages_.push_back(number);
      previous = number;
    }
  }

  const os::File& file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t page_size_ = 0;
  std::uint64_t last_page_ = 0;
  std::uint64_t transaction_ = 0;
  std::vector<std::uint64_t> reached_;
  std::vector<std::uint64_t> free_pages_;
};

}  // namespace

std::optional<PageDamage> check_pages(const os::File& file) {
  try {
    Checker(file).run();
    return std::nullopt;
  } catch (const Damaged& found) {
    return found.damage;
  }
}

}  // namespace piecemark::engine
