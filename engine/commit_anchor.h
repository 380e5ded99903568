// What tells a commit from all others (commit_guard.h).
#pragma once

#include <cstdint>

#include "bytes.h"

namespace piecemark::engine {

// Random bytes that a commit leaves in the file, under its number.
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
    const char* mark = nullptr;          // nullptr without a mark
  };

  // Of a file that nobody else can know.
  CommitAnchor() = default;
  // Of one that holds the commit now.
  CommitAnchor(const Places& places, std::uint64_t commit)
      : places_(places),
        commit_(commit),
        root_(load<std::uint64_t>(places.root)),
        last_page_(load<std::uint64_t>(places.last_page)),
        random_(places.mark != nullptr ? load<std::uint64_t>(places.mark) : 0) {}

  // Whether it is still there, and no commit after it.
  bool holds() const {
    if (places_.number == nullptr) return true;
    // The pages before the mark: where they are others, it may lie behind the end of the file.
    return load<std::uint64_t>(places_.number) == commit_ && load<std::uint64_t>(places_.root) == root_ &&
           load<std::uint64_t>(places_.last_page) == last_page_ &&
           load<std::uint64_t>(places_.later_number) <= commit_ &&
           (places_.mark == nullptr || load<std::uint64_t>(places_.mark) == random_);
  }

 private:
  Places places_;
  std::uint64_t commit_ = 0;
  std::uint64_t root_ = 0;
  std::uint64_t last_page_ = 0;
  std::uint64_t random_ = 0;
};

}  // namespace piecemark::engine
