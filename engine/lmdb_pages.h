// How LMDB 0.9 lays out a file on 64-bit little-endian machines: what its bytes say, as yet unchecked.
//
//   page header   0 page number (8)  8 pad (2)  10 flags (2)  12 lower (2)  14 upper (2); overflow: 12 pages (4)
//   meta record   behind the header of pages 0 and 1: 0 magic (4)  4 version (4)  8 address (8)  16 map size (8)
//                 24 free tree (48)  72 main tree (48)  120 last page (8)  128 transaction id (8)
//   tree record   0 pad (4); that of the free tree is the page size  4 flags (2)  6 depth (2)  8 branch pages (8)
//                 16 leaf pages (8)  24 overflow pages (8)  32 entries (8)  40 root (8)
//   offsets       behind the header of branch and leaf pages: of each node (2), in the order of their keys
//   node          0 low (2)  2 high (2)  4 flags (2)  6 key size (2)  8 key, then data
//                 branch: low, high and flags are the child's page number; leaf: low and high the data size
//
// Nodes lie at even offsets and fill a page from its upper bound to its end. Values too large for a node lie on a run
// of overflow pages, of which only the first has a header. The free tree maps the id of a transaction to the pages that
// it has freed: how many, then their numbers in descending order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace piecemark::engine::lmdb {

inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kMetaSize = 136;
inline constexpr std::size_t kMetaTransactionAt = 128;
inline constexpr std::size_t kTreeSize = 48;
inline constexpr std::size_t kTreeRootAt = 40;
inline constexpr std::size_t kNodeHeaderSize = 8;
inline constexpr std::size_t kKeySizeMax = 511;
inline constexpr std::uint32_t kMagic = 0xBEEFC0DE;
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint64_t kMetaPages = 2;
inline constexpr std::uint64_t kNoRoot = ~std::uint64_t{0};

inline constexpr std::uint16_t kBranchPage = 0x01;
inline constexpr std::uint16_t kLeafPage = 0x02;
inline constexpr std::uint16_t kOverflowPage = 0x04;
inline constexpr std::uint16_t kMetaPage = 0x08;

inline constexpr std::uint16_t kBigData = 0x01;  // The value lies on overflow pages.
inline constexpr std::uint16_t kSubTree = 0x02;  // The value is the record of a table.

inline constexpr std::uint16_t kIntegerKeys = 0x08;    // of the free tree
inline constexpr std::uint16_t kNoSubFolder = 0x4000;  // stored with the flags of the free tree

struct Node {
  const char* at;
  std::uint16_t key_size() const { return load<std::uint16_t>(at + 6); }
  Bytes key() const { return {at + kNodeHeaderSize, key_size()}; }
  std::uint16_t flags() const { return load<std::uint16_t>(at + 4); }
  bool has_big_data() const { return (flags() & kBigData) != 0; }
  std::uint32_t data_size() const {
    return load<std::uint16_t>(at) | std::uint32_t{load<std::uint16_t>(at + 2)} << 16;
  }
  const char* data() const { return at + kNodeHeaderSize + key_size(); }
  // What the data takes within a leaf page.
  std::uint64_t bytes_of_data() const {
    return has_big_data() ? sizeof(std::uint64_t) : std::uint64_t{data_size()};
  }
  std::uint64_t first_overflow_page() const { return load<std::uint64_t>(data()); }
  std::uint64_t child() const { return data_size() | std::uint64_t{flags()} << 32; }
};

// The header of a page.
struct PageHeader {
  const char* at;
  std::uint64_t number() const { return load<std::uint64_t>(at); }
  std::uint16_t flags() const { return load<std::uint16_t>(at + 10); }
  std::uint16_t lower() const { return load<std::uint16_t>(at + 12); }
  std::uint16_t upper() const { return load<std::uint16_t>(at + 14); }
  std::uint32_t overflow_pages() const { return load<std::uint32_t>(at + 12); }
  std::uint16_t node_offset(unsigned index) const {
    return load<std::uint16_t>(at + kHeaderSize + 2 * std::size_t{index});
  }
  Node node(unsigned index) const { return {at + node_offset(index)}; }
};

struct Tree {
  std::uint32_t pad = 0;
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNoRoot;
};

inline Tree load_tree(const char* from) {
  return {
      .pad = load<std::uint32_t>(from),
      .flags = load<std::uint16_t>(from + 4),
      .depth = load<std::uint16_t>(from + 6),
      .branch_pages = load<std::uint64_t>(from + 8),
      .leaf_pages = load<std::uint64_t>(from + 16),
      .overflow_pages = load<std::uint64_t>(from + 24),
      .entries = load<std::uint64_t>(from + 32),
      .root = load<std::uint64_t>(from + kTreeRootAt),
  };
}

struct Meta {
  std::uint32_t magic = 0;
  std::uint32_t version = 0;
  std::uint64_t map_size = 0;
  Tree free;
  Tree main;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;

  std::uint64_t page_size() const { return free.pad; }
};

inline Meta load_meta(const char* from) {
  return {
      .magic = load<std::uint32_t>(from),
      .version = load<std::uint32_t>(from + 4),
      .map_size = load<std::uint64_t>(from + 16),
      .free = load_tree(from + 24),
      .main = load_tree(from + 72),
      .last_page = load<std::uint64_t>(from + 120),
      .transaction = load<std::uint64_t>(from + kMetaTransactionAt),
  };
}

// How many pages a value of this size takes.
constexpr std::uint64_t overflow_pages_for(std::uint64_t data_size, std::uint64_t page_size) {
  return (kHeaderSize - 1 + data_size) / page_size + 1;
}

// The largest node, header included, that LMDB leaves in its page; two of them fit.
constexpr std::uint64_t node_size_max(std::uint64_t page_size) {
  return ((page_size - kHeaderSize) / 2 & ~std::uint64_t{1}) - sizeof(std::uint16_t);
}

}  // namespace piecemark::engine::lmdb
