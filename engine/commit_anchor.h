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

// Where the map holds the commit that a write transaction has begun from.
// Lifetime  ends with the transaction
class CommitAnchor {
 public:
  struct Places {
    const char* number = nullptr;  // in the meta page of the commit, as the next two
    const char* root = nullptr;
    const char* last_page = nullptr;
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
        root_(load<std::uint64_t>(places.root)),
        last_page_(load<std::uint64_t>(places.last_page)),
        notes_root_(load_or_zero(places.notes_root)),
        random_(load_or_zero(places.mark)) {}

  // Whether it is still there, and no commit after it.
  bool holds() const {
    if (places_.number == nullptr) return true;
    // The pages before the mark: where they are others, it may lie behind the end of the file.
    return load<std::uint64_t>(places_.number) == commit_ && load<std::uint64_t>(places_.root) == root_ &&
           load<std::uint64_t>(places_.last_page) == last_page_ &&
           load<std::uint64_t>(places_.later_number) <= commit_ &&
           load_or_zero(places_.notes_root) == notes_root_ && load_or_zero(places_.mark) == random_;
  }

  // Of the mark that goes for the commit; nullopt without one.
  std::optional<std::uint64_t> random() const {
    return places_.mark != nullptr ? std::optional(random_) : std::nullopt;
  }

 private:
  static std::uint64_t load_or_zero(const char* place) {
    return place != nullptr ? load<std::uint64_t>(place) : 0;
  }

  Places places_;
  std::uint64_t commit_ = 0;
  std::uint64_t root_ = 0;
  std::uint64_t last_page_ = 0;
  std::uint64_t notes_root_ = 0;
  std::uint64_t random_ = 0;
};

}  // namespace piecemark::engine
