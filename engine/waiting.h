// Waiting with a time-out for something that gives no signal.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace piecemark::engine {

// Called while something is waited for; may throw to give up.
using OnWait = std::function<void()>;

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::uint32_t milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

// Calls attempt() until it returns true; false when the time is over. Asks at least once.
template <class Attempt>
bool poll_until(Deadline deadline, const Attempt& attempt,
                std::chrono::microseconds pause_max = std::chrono::milliseconds(16)) {
  for (auto pause = std::chrono::microseconds(100);; pause = std::min(pause * 2, pause_max)) {
    if (attempt()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
}

// "10.0 s"
inline std::string in_seconds(std::uint32_t milliseconds) {
  return std::to_string(milliseconds / 1000) + "." + std::to_string(milliseconds % 1000 / 100) + " s";
}

}  // namespace piecemark::engine
