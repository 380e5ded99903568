// What tells a commit from all others (commit_guard.h).
#pragma once

#include <cstdint>
#include <optional>

#include "bytes.h"

namespace piecemark::engine {

// A commit, and the random bytes in the file that tell it from others of its number.
struct CommitMark {
  std::uint64_t commit = 0;
  std::uint64_t random = 0;
  friend bool operator==(const CommitMark&, const CommitMark&) = default;
};

// What a file holds of a commit: its meta page, and its mark if it has one.
struct CommitFacts {
  std::uint64_t commit = 0;
  std::uint64_t meta_hash = 0;  // 0: not known
  std::optional<std::uint64_t> random;
};

// Where the map holds the commit that a write transaction has begun from.
// Lifetime  ends with the transaction
class CommitAnchor {
 public:
  struct Places {
    const char* meta = nullptr;          // the record in the meta page of the commit
    const char* later_number = nullptr;  // in the other meta page
    const char* notes_root = nullptr;    // in the root of LMDB's table of tables; nullptr without a mark
    const char* mark = nullptr;          // there; nullptr as well
  };

  // Of a file that nobody else can know.
  CommitAnchor() = default;
  // Of one that holds the commit now.
  CommitAnchor(const Places& places, std::uint64_t commit)
      : places_(places),
        commit_(commit),
        meta_hash_(hash_of_meta(places.meta)),
        notes_root_(load_or_zero(places.notes_root)),
        random_(load_or_zero(places.mark)) {}

  // Whether it is still there, and no commit after it.
  bool holds() const {
    if (places_.meta == nullptr) return true;
    // Page by page: where the one before is another, the next may lie behind the end of the file.
    return hash_of_meta(places_.meta) == meta_hash_ && load<std::uint64_t>(places_.later_number) <= commit_ &&
           load_or_zero(places_.notes_root) == notes_root_ && load_or_zero(places_.mark) == random_;
  }
  CommitFacts facts() const {
    return {commit_, meta_hash_, places_.mark != nullptr ? std::optional(random_) : std::nullopt};
  }

  // Of the record in a meta page; 0 for nullptr.
  static std::uint64_t hash_of_meta(const char* record);

 private:
  static std::uint64_t load_or_zero(const char* place) {
    return place != nullptr ? load<std::uint64_t>(place) : 0;
  }

  Places places_;
  std::uint64_t commit_ = 0;
  std::uint64_t meta_hash_ = 0;
  std::uint64_t notes_root_ = 0;
  std::uint64_t random_ = 0;
};

}  // namespace piecemark::engine
