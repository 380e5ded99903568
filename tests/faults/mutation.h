// Ways to damage a valid store file: by chance as disks and cables do, and by hand as somebody would who knows LMDB.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace piecemark::testing {

// A page that the last commit uses.
enum class PageKind : std::uint8_t { meta, branch, leaf, overflow };
struct UsedPage {
  std::uint64_t number = 0;
  PageKind kind = PageKind::meta;
};

// A valid file with all that is known of its pages. Trusts the bytes.
struct Anatomy {
  explicit Anatomy(const std::string& bytes);

  std::size_t newest_meta = 0;  // where the meta record of the last commit begins
  std::size_t older_meta = 0;
  std::vector<UsedPage> pages;          // metas included
  std::vector<std::size_t> nodes;       // where each begins, on leaf and branch pages
  std::vector<std::size_t> children;    // nodes of branch pages
  std::vector<std::size_t> big_values;  // where a value's overflow page number lies
  std::vector<std::size_t> runs;        // where the number of pages of an overflow run lies
  std::vector<std::size_t> tables;      // where each record of a table lies
  std::vector<std::size_t> free_lists;  // where the value of each entry of the free list begins
};

inline constexpr std::string_view kMutationKinds[] = {
    "bit flipped",      "1 to 16 random bytes", "bits of a page header", "page zeroed",
    "page of garbage",  "pages swapped",        "page copied",           "file truncated",
    "field of a meta",  "field of both metas",  "16-bit field",          "child pointer",
    "overflow pointer", "record of a table",    "shared root",           "free list",
    "flags forged",     "values swapped",       "several at once",
};

// A copy of the file with damage of this kind.
std::string mutated(const std::string& bytes, const Anatomy& anatomy, std::size_t kind,
                    std::mt19937_64& random);

// The file as the commit before its last one left it.
std::string one_commit_earlier(const std::string& bytes, const Anatomy& anatomy);

}  // namespace piecemark::testing
