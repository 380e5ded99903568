// A file that another program cuts short while this one has it mapped: what is missing cannot be read any more, and the
// system says so by a signal in the middle of whatever was reading.
#pragma once

namespace piecemark::cli {

// From now on such a signal ends the program as any other error of a file does: with a message and the exit status for
// it. A transaction that is open is not committed, and nothing was said to be done that is not. Signals for other
// reasons do what they always do.
void end_cleanly_on_lost_map();

}  // namespace piecemark::cli
