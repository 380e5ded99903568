// What the operations of the benchmarks have in common.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "contender.h"

namespace piecemark::bench {

inline void require(const Tally& actual, const Tally& expected) {
  if (actual == expected) return;
  throw std::runtime_error("read " + actual.to_string() + " instead of " + expected.to_string());
}

class Snapshot {
 public:
  explicit Snapshot(Contender& contender) : contender_(contender) { contender_.begin_snapshot(); }
  ~Snapshot() { contender_.end_snapshot(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Contender& contender_;
};

// Hands out the items again and again.
template <class T>
class Cycle {
 public:
  explicit Cycle(const std::vector<T>& items) : items_(items) {}
  const T& next() {
    if (next_ == items_.size()) next_ = 0;
    return items_[next_++];
  }

 private:
  const std::vector<T>& items_;
  std::size_t next_ = 0;
};

inline std::int64_t items(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

}  // namespace piecemark::bench
