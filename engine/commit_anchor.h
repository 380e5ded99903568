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
  // Of a file that nobody else can know.
  CommitAnchor() = default;
  CommitAnchor(const char* number_at, std::uint64_t commit, const char* mark_at, std::uint64_t random)
      : number_at_(number_at), mark_at_(mark_at), commit_(commit), random_(random) {}

  // Whether it is still there.
  bool holds() const {
    if (number_at_ == nullptr) return true;
    return load<std::uint64_t>(number_at_) == commit_ &&
           (mark_at_ == nullptr || load<std::uint64_t>(mark_at_) == random_);
  }

 private:
  const char* number_at_ = nullptr;  // in the meta page
  const char* mark_at_ = nullptr;    // nullptr without a mark
  std::uint64_t commit_ = 0;
  std::uint64_t random_ = 0;
};

}  // namespace piecemark::engine
