// Ctrl-C, SIGTERM and the end of the terminal. The program says that it stops, and ends by the signal, as a shell expects
// that runs it in a loop: at once where nothing is at stake, else at a safe point.
#pragma once

namespace piecemark::cli {

// From now on signals that would end the process are said before.
void say_interruptions();

// From its construction to its end the first signal is noted. The second, or two seconds without a safe point, end the
// process where it is, which any transaction withstands; files in creation are removed. A process has one of these at a
// time.
class Interruption {
 public:
  Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();

  static bool is_requested();
};

// Ends the process by the signal that was noted, if any.
void end_if_interrupted();

}  // namespace piecemark::cli
