// Deadlines, and what is told to those who wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace piecemark::engine {

// Called while something is waited for; may throw to give up.
using OnWait = std::function<void()>;

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::uint32_t milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

// "10.0 s"
inline std::string in_seconds(std::uint32_t milliseconds) {
  return std::to_string(milliseconds / 1000) + "." + std::to_string(milliseconds % 1000 / 100) + " s";
}

}  // namespace piecemark::engine
