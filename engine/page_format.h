// The pages of an LMDB 0.9 file, data version 1, as they lie on 64-bit little-endian machines.
//
//   page header   0 page number (8)  8 pad (2)  10 flags (2)  12 lower (2)  14 upper (2); overflow: 12 pages (4)
//   meta record   behind the header: 0 magic (4)  4 version (4)  8 address (8)  16 map size (8)
//                 24 free tree (48)  72 main tree (48)  120 last page (8)  128 transaction id (8)
//   tree record   0 pad (4)  4 flags (2)  6 depth (2)  8 branch pages (8)  16 leaf pages (8)
//                 24 overflow pages (8)  32 entries (8)  40 root (8)
//   node          0 low (2)  2 high (2)  4 flags (2)  6 key size (2)  8 key, then data
//                 branch: low, high and flags are the child's page number; leaf: low and high the data size
//
// The pad of the free tree's record holds the page size. Nothing here looks whether what it reads lies within a page.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace piecemark::engine::page_format {

inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kMetaSize = 136;
inline constexpr std::size_t kTreeSize = 48;
inline constexpr std::size_t kNodeHeaderSize = 8;
inline constexpr std::size_t kKeySizeMax = 511;
inline constexpr std::size_t kPageSizeMin = 512;
inline constexpr std::size_t kPageSizeMax = 65536;
inline constexpr std::uint32_t kMagic = 0xBEEFC0DE;
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint64_t kNoRoot = ~std::uint64_t{0};
inline constexpr unsigned kDepthMax = 32;  // of LMDB's own cursors

inline constexpr std::uint16_t kBranchPage = 0x01;
inline constexpr std::uint16_t kLeafPage = 0x02;
inline constexpr std::uint16_t kOverflowPage = 0x04;
inline constexpr std::uint16_t kMetaPage = 0x08;
inline constexpr std::uint16_t kBigData = 0x01;  // The value lies on overflow pages.
inline constexpr std::uint16_t kSubTree = 0x02;  // The value is the record of a table.

struct Tree {
  std::uint16_t depth = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNoRoot;
};

inline Tree load_tree(const char* from) {
  return {
      .depth = load<std::uint16_t>(from + 6),
      .entries = load<std::uint64_t>(from + 32),
      .root = load<std::uint64_t>(from + 40),
  };
}

struct PageHeader {
  std::uint64_t number;
  std::uint16_t flags;
  std::uint16_t lower;
  std::uint16_t upper;
  std::uint32_t overflow_pages;

  explicit PageHeader(const char* page)
      : number(load<std::uint64_t>(page)),
        flags(load<std::uint16_t>(page + 10)),
        lower(load<std::uint16_t>(page + 12)),
        upper(load<std::uint16_t>(page + 14)),
        overflow_pages(load<std::uint32_t>(page + 12)) {}
};

struct Node {
  const char* at;

  std::uint16_t flags() const { return load<std::uint16_t>(at + 4); }
  std::uint16_t key_size() const { return load<std::uint16_t>(at + 6); }
  Bytes key() const { return {at + kNodeHeaderSize, key_size()}; }
  std::uint32_t data_size() const {
    return load<std::uint16_t>(at) | std::uint32_t{load<std::uint16_t>(at + 2)} << 16;
  }
  const char* data() const { return at + kNodeHeaderSize + key_size(); }
  // What the data takes within a leaf page.
  std::uint64_t bytes_of_data() const {
    return (flags() & kBigData) != 0 ? sizeof(std::uint64_t) : std::uint64_t{data_size()};
  }
  std::uint64_t child() const { return data_size() | std::uint64_t{flags()} << 32; }
};

// Where the header of a page has the offset of the node.
inline std::size_t place_of_offset(unsigned node) {
  return kHeaderSize + 2 * std::size_t{node};
}
inline Node node_at(const char* page, unsigned node) {
  return {page + load<std::uint16_t>(page + place_of_offset(node))};
}

}  // namespace piecemark::engine::page_format
