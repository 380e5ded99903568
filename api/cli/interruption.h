// Ctrl-C, SIGTERM and the end of the terminal as a request to stop at a safe point, instead of the end of the process.
#pragma once

namespace piecemark::cli {

// From its construction to its end the first such signal is noted; the second ends the process at once, as always.
// A process has one at a time.
class Interruption {
 public:
  Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();

  static bool is_requested();
};

}  // namespace piecemark::cli
