#include "page_check.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "lmdb_pages.h"
#include "map_size.h"

namespace piecemark::engine {
namespace {

using lmdb::kHeaderSize;
using lmdb::kNodeHeaderSize;
using lmdb::Meta;
using lmdb::Node;
using lmdb::PageHeader;
using lmdb::Tree;

constexpr std::uint64_t kCheckedPageSizeMin = 4096;
constexpr std::uint64_t kCheckedPageSizeMax = 32768;  // LMDB's own limit
constexpr std::uint64_t kTransactionMax = std::uint64_t{1} << 48;
// LMDB's cursors have room for 32 levels, and a tree can grow while it is open.
constexpr unsigned kTreeDepthMax = 24;
// Pages behind the end of the file: those that a single transaction had in memory and gave up again.
constexpr std::uint64_t kUnwrittenPagesMax = std::uint64_t{1} << 27;

enum class TreeKind : std::uint8_t { free, main, table };

// Ends the walk; caught in check_pages.
struct Damaged {
  PageDamage damage;
};

[[noreturn]] void fail(std::uint64_t page, std::string reason) {
  throw Damaged{{page, std::move(reason)}};
}

void require(bool holds, std::uint64_t page, const char* reason) {
  if (!holds) fail(page, reason);
}

class BitSet {
 public:
  explicit BitSet(std::uint64_t size) : words_(size / 64 + 1) {}
  // False if it is there already.
  bool add(std::uint64_t number) {
    std::uint64_t& word = words_[number / 64];
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    return (std::exchange(word, word | bit) & bit) == 0;
  }
  bool contains(std::uint64_t number) const { return (words_[number / 64] >> (number % 64) & 1) != 0; }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }

 private:
  std::vector<std::uint64_t> words_;
};

// The file, read where it is asked for. What lies around is asked of the disk at once: trees lead to and fro.
class Pages {
 public:
  // Reads that follow each other, more often than not, from front to back; then one call reads ahead for many.
  class Stream {
   public:
    explicit Stream(Pages& pages) : pages_(pages) {}

    void read(std::uint64_t offset, std::span<char> into, std::uint64_t page) {
      pages_.require_within(offset, into.size(), page);
      const bool goes_on = offset > last_ && offset - last_ <= kNear;
      last_ = offset;
      if (!covers(offset, into.size())) {
        if (!goes_on) return pages_.read_directly(offset, into, page);
        bytes_.resize(std::min<std::uint64_t>(kChunk, pages_.file_size() - offset));
        from_ = offset;
        pages_.read_directly(from_, bytes_, page);
      }
      std::copy_n(bytes_.data() + (offset - from_), into.size(), into.data());
    }

   private:
    static constexpr std::uint64_t kChunk = std::uint64_t{1} << 16;
    static constexpr std::uint64_t kNear = std::uint64_t{1} << 14;

    bool covers(std::uint64_t offset, std::size_t size) const {
      return offset >= from_ && offset + size <= from_ + bytes_.size();
    }

    Pages& pages_;
    std::uint64_t last_ = 0;
    std::uint64_t from_ = 0;
    std::vector<char> bytes_;
  };

  explicit Pages(const os::File& file)
      : file_(file), file_size_(size_of(file)), advised_(file_size_ / kWindow) {}

  std::uint64_t file_size() const { return file_size_; }

 private:
  static constexpr std::uint64_t kWindow = std::uint64_t{4} << 20;

  static std::uint64_t size_of(const os::File& file) {
    os::FileFacts facts;
    if (os::facts_of(file, facts)) fail(0, "the size of the file cannot be read");
    return facts.size_bytes;
  }

  void require_within(std::uint64_t offset, std::uint64_t size, std::uint64_t page) const {
    require(offset <= file_size_ && size <= file_size_ - offset, page,
            "the file ends before this page: it was truncated");
  }

  void read_directly(std::uint64_t offset, std::span<char> into, std::uint64_t page) {
    if (advised_.add(offset / kWindow)) os::read_ahead(file_, offset / kWindow * kWindow, kWindow);
    std::size_t got = 0;
    if (os::read_at(file_, offset, into, got) || got < into.size()) fail(page, "the page cannot be read");
  }

  const os::File& file_;
  std::uint64_t file_size_;
  BitSet advised_;
};

Meta load_meta(Pages& pages, std::uint64_t page, std::uint64_t offset) {
  std::array<char, kHeaderSize + lmdb::kMetaSize> bytes{};
  Pages::Stream(pages).read(offset, bytes, page);
  const PageHeader header{bytes.data()};
  require(header.flags() == lmdb::kMetaPage && header.number() == page, page, "no meta page");
  const Meta meta = lmdb::load_meta(bytes.data() + kHeaderSize);
  require(meta.magic == lmdb::kMagic && meta.version == lmdb::kVersion, page,
          "meta page without LMDB's magic or version");
  const std::uint64_t page_size = meta.page_size();
  require(page_size >= kCheckedPageSizeMin && page_size <= kCheckedPageSizeMax &&
              (page_size & (page_size - 1)) == 0,
          page, "impossible page size");
  require(meta.map_size <= kNotedMapSizeMax, page, "impossible map size");
  require(meta.last_page >= lmdb::kMetaPages - 1 && meta.last_page < meta.map_size / page_size, page,
          "last page beyond the map");
  require((meta.free.flags & ~lmdb::kNoSubFolder) == lmdb::kIntegerKeys && meta.main.flags == 0, page,
          "impossible flags of a tree");
  require(meta.transaction < kTransactionMax, page, "impossible number of a transaction");
  return meta;
}

// Commits write the two meta pages in turns. Of the older one LMDB uses nothing but what load_meta has checked; after a
// commit that could not write its meta page, its trees are those of that commit.
Meta newest_meta(Pages& pages) {
  const Meta first = load_meta(pages, 0, 0);
  const Meta second = load_meta(pages, 1, first.page_size());
  require(first.page_size() == second.page_size(), 1, "the meta pages disagree on the page size");
  const std::uint64_t page = second.transaction > first.transaction ? 1 : 0;
  const Meta& newer = page == 1 ? second : first;
  const Meta& older = page == 1 ? first : second;
  require(newer.transaction % 2 == page, page, "a meta page in the other's place");
  require(newer.transaction == older.transaction + 1 || newer.transaction == 0, page,
          "the meta pages are not of successive commits");
  // Every page behind the end of the file is free, and has its number in the free list.
  const std::uint64_t unwritten_max = std::min(pages.file_size() / sizeof(std::uint64_t), kUnwrittenPagesMax);
  require(newer.last_page < pages.file_size() / newer.page_size() + unwritten_max, page,
          "last page far behind the end of the file");
  return newer;
}

class Checker {
 public:
  Checker(Pages& pages, const Meta& meta)
      : file_size_(pages.file_size()),
        tree_pages_(pages),
        overflow_pages_(pages),
        page_size_(meta.page_size()),
        last_page_(meta.last_page),
        transaction_(meta.transaction),
        reached_(last_page_),
        node_starts_(page_size_) {}

  void walk_tree(const Tree& tree, TreeKind kind, std::uint64_t from) {
    if (tree.root == lmdb::kNoRoot) {
      const bool is_empty = tree.depth == 0 && tree.entries == 0 && tree.branch_pages == 0 &&
                            tree.leaf_pages == 0 && tree.overflow_pages == 0;
      require(is_empty, from, "an empty tree with counters");
      return;
    }
    require(tree.depth >= 1 && tree.depth <= kTreeDepthMax, from, "impossible depth of a tree");
    Walk walk{kind, tree.depth, std::vector<char>(tree.depth * page_size_), {}};
    walk_page(walk, tree.root, 1, {}, from);
    const Counters& counted = walk.counted;
    require(counted.branch_pages == tree.branch_pages && counted.leaf_pages == tree.leaf_pages &&
                counted.overflow_pages == tree.overflow_pages,
            tree.root, "page counters of the tree do not agree with its pages");
    require(counted.entries == tree.entries, tree.root,
            "the entry counter of the tree does not agree with its entries");
  }

  // After all trees: a table that is lost leaves its pages behind.
  void check_all_are_reached() const {
    require(reached_count_ == last_page_ + 1 - lmdb::kMetaPages, 0,
            "pages that neither a table nor the free list leads to");
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
  // A branch or leaf page whose header has been checked.
  struct Page {
    std::uint64_t number;
    TreeKind kind;
    bool is_leaf;
    PageHeader header;
    unsigned count;

    Node node(unsigned index) const { return header.node(index); }
  };

  void reach(std::uint64_t page, std::uint64_t from) {
    require(page >= lmdb::kMetaPages && page <= last_page_, from, "a page number out of range");
    require(reached_.add(page), page, "the page is reached twice");
    ++reached_count_;
  }

  void walk_page(Walk& walk, std::uint64_t number, unsigned level, const Range& range, std::uint64_t from) {
    reach(number, from);
    const std::span<char> bytes = std::span(walk.pages).subspan((level - 1) * page_size_, page_size_);
    tree_pages_.read(number * page_size_, bytes, number);
    const Page page = checked_page(number, walk.kind, level == walk.depth, {bytes.data()});
    ++(page.is_leaf ? walk.counted.leaf_pages : walk.counted.branch_pages);
    check_nodes(page);
    check_order(page, range);
    for (unsigned i = 0; i < page.count; ++i) {
      const Node node = page.node(i);
      if (page.is_leaf) {
        check_value(walk, node, number);
        continue;
      }
      const Range below{i == 0 ? range.from : node.key(),
                        i + 1 < page.count ? std::optional(page.node(i + 1).key()) : range.to};
      walk_page(walk, node.child(), level + 1, below, number);
    }
  }

  Page checked_page(std::uint64_t number, TreeKind kind, bool is_leaf, PageHeader header) const {
    require(header.number() == number, number, "the page says that it is another");
    require(header.flags() == (is_leaf ? lmdb::kLeafPage : lmdb::kBranchPage), number,
            "a page of the wrong kind");
    const unsigned lower = header.lower();
    require(lower >= kHeaderSize && lower % 2 == 0 && lower <= header.upper() && header.upper() <= page_size_,
            number, "impossible bounds of the free space");
    const unsigned count = (lower - static_cast<unsigned>(kHeaderSize)) / 2;
    require(count >= (is_leaf ? 1U : 2U), number, "too few nodes");
    return {number, kind, is_leaf, header, count};
  }

  // Nodes that overlap would be torn by the first change of the page. They are taken as they lie, one behind the other:
  // each must have its one offset.
  void check_nodes(const Page& page) {
    node_starts_.clear();
    for (unsigned i = 0; i < page.count; ++i) {
      const std::uint64_t offset = page.header.node_offset(i);
      require(offset % 2 == 0 && offset >= page.header.upper() && offset + kNodeHeaderSize <= page_size_,
              page.number, "a node outside its page");
      require(node_starts_.add(offset), page.number, "two offsets of the same node");
    }
    unsigned met = 0;
    for (std::uint64_t at = page.header.upper(); at < page_size_; ++met) {
      require(node_starts_.contains(at), page.number, "nodes that overlap or leave gaps");
      const std::uint64_t size = checked_node_size(page, at);
      require(at + size <= page_size_, page.number, "a node that reaches beyond its page");
      at += size;
    }
    require(met == page.count, page.number, "nodes that overlap or leave gaps");
  }

  // What the node at the offset takes of its page.
  std::uint64_t checked_node_size(const Page& page, std::uint64_t offset) const {
    const Node node{page.header.at + offset};
    std::uint64_t size = kNodeHeaderSize + std::uint64_t{node.key_size()};
    if (page.is_leaf) {
      check_flags(page, node);
      size += node.has_big_data() ? sizeof(std::uint64_t) : std::uint64_t{node.data_size()};
      require(size <= lmdb::node_size_max(page_size_), page.number, "a node that is too large for its page");
    }
    const bool has_key = page.is_leaf || offset != page.header.node_offset(0);
    const std::size_t key_size_min = has_key ? 1 : 0;
    require(node.key_size() >= key_size_min && node.key_size() <= lmdb::kKeySizeMax, page.number,
            "impossible size of a key");
    require(page.kind != TreeKind::free || !has_key || node.key_size() == sizeof(std::uint64_t), page.number,
            "impossible size of a key in the free list");
    return size + size % 2;
  }

  static void check_flags(const Page& page, const Node& node) {
    const bool is_main = page.kind == TreeKind::main;
    const std::uint16_t expected = is_main ? lmdb::kSubTree : node.flags() & lmdb::kBigData;
    require(node.flags() == expected, page.number, "impossible flags of a node");
    require(!is_main || node.data_size() == lmdb::kTreeSize, page.number, "a table record of the wrong size");
  }

  static bool is_less(TreeKind kind, Bytes a, Bytes b) {
    if (kind == TreeKind::free) return load<std::uint64_t>(a.data()) < load<std::uint64_t>(b.data());
    return a < b;
  }

  // The first key of a branch page stands for everything below its second, and is not looked at. Within a page each
  // key is held against the one before, which leaves the bounds to the first and the last.
  static void check_order(const Page& page, const Range& range) {
    const unsigned first = page.is_leaf ? 0 : 1;
    for (unsigned i = first; i + 1 < page.count; ++i) {
      require(is_less(page.kind, page.node(i).key(), page.node(i + 1).key()), page.number,
              "keys out of order");
    }
    require(!range.from || !is_less(page.kind, page.node(first).key(), *range.from), page.number,
            "a key below those of its page");
    require(!range.to || is_less(page.kind, page.node(page.count - 1).key(), *range.to), page.number,
            "a key above those of its page");
  }

  void check_value(Walk& walk, const Node& node, std::uint64_t page) {
    ++walk.counted.entries;
    if (node.has_big_data()) check_overflow(walk, node, page);
    if (walk.kind == TreeKind::main) {
      const Tree tree = lmdb::load_tree(node.data());
      require(tree.flags == 0 && tree.pad == 0, page, "a table with flags");
      walk_tree(tree, TreeKind::table, page);
    }
    if (walk.kind == TreeKind::free) check_free_list(node, page);
  }

  // A run may be longer than its value, if that was replaced by a smaller one before the commit. All of it is written.
  void check_overflow(Walk& walk, const Node& node, std::uint64_t page) {
    const std::uint64_t first = node.first_overflow_page();
    require(first >= lmdb::kMetaPages && first <= last_page_, page, "an overflow page number out of range");
    std::array<char, kHeaderSize> bytes{};
    overflow_pages_.read(first * page_size_, bytes, first);
    const PageHeader header{bytes.data()};
    require(header.number() == first && header.flags() == lmdb::kOverflowPage, first, "no overflow page");
    const std::uint64_t count = header.overflow_pages();
    require(
        count >= lmdb::overflow_pages_for(node.data_size(), page_size_) && count <= last_page_ - first + 1,
        first, "impossible number of overflow pages");
    require((first + count) * page_size_ <= file_size_, first,
            "the file ends within these overflow pages: it was truncated");
    for (std::uint64_t i = 0; i < count; ++i) reach(first + i, page);
    walk.counted.overflow_pages += count;
  }

  void check_free_list(const Node& node, std::uint64_t page) {
    constexpr std::uint64_t kNumber = sizeof(std::uint64_t);
    const auto freed_by = load<std::uint64_t>(node.key().data());
    require(freed_by >= 1 && freed_by <= transaction_, page, "a free list of a transaction to come");
    const std::uint64_t size = node.data_size();
    require(size >= kNumber && size % kNumber == 0, page, "a free list of impossible size");
    std::array<char, kNumber> count_bytes{};
    read_value(node, 0, count_bytes, page);
    const auto count = load<std::uint64_t>(count_bytes.data());
    require(count < size / kNumber, page, "a free list longer than its record");

    std::uint64_t previous = lmdb::kNoRoot;
    std::array<char, 512 * kNumber> numbers{};
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t part = std::min<std::uint64_t>(count - done, numbers.size() / kNumber);
      read_value(node, (1 + done) * kNumber, std::span(numbers).first(part * kNumber), page);
      for (std::uint64_t i = 0; i < part; ++i) {
        const auto number = load<std::uint64_t>(numbers.data() + i * kNumber);
        require(number < previous, page, "a free list out of order");
        require(number >= lmdb::kMetaPages && number <= last_page_, page,
                "a free list with a page number out of range");
        require(reached_.add(number), number, "a free page that is in use, or free twice");
        ++reached_count_;
        previous = number;
      }
      done += part;
    }
  }

  // Part of the value of a node of the free tree.
  void read_value(const Node& node, std::uint64_t offset, std::span<char> into, std::uint64_t page) {
    if (node.has_big_data()) {
      overflow_pages_.read(node.first_overflow_page() * page_size_ + kHeaderSize + offset, into, page);
    } else {
      std::copy_n(node.data() + offset, into.size(), into.data());
    }
  }

  std::uint64_t file_size_;
  Pages::Stream tree_pages_;
  Pages::Stream overflow_pages_;
  std::uint64_t page_size_;
  std::uint64_t last_page_;
  std::uint64_t transaction_;
  BitSet reached_;
  std::uint64_t reached_count_ = 0;
  BitSet node_starts_;  // of the page at hand
};

}  // namespace

std::optional<PageDamage> check_pages(const os::File& file) {
  try {
    Pages pages(file);
    const Meta meta = newest_meta(pages);
    Checker checker(pages, meta);
    checker.walk_tree(meta.main, TreeKind::main, 0);
    checker.walk_tree(meta.free, TreeKind::free, 0);
    checker.check_all_are_reached();
    return std::nullopt;
  } catch (const Damaged& found) {
    return found.damage;
  }
}

}  // namespace piecemark::engine
