// How far a long call is, and the way to stop it.
#pragma once

#include <cstdint>
#include <functional>

namespace piecemark {

// In visits of rows: a call may visit each more than once.
struct WorkProgress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0 where nobody knows
};

// Called every few thousand rows, on the thread that made the call. False stops that: it throws canceled, and what it was
// to make or to change is as it was.
using OnProgress = std::function<bool(const WorkProgress& progress)>;

}  // namespace piecemark
