// Who may write: one writer at a time, in this process and in all others, with a time-out that names the holder.
//
// LMDB's own write lock knows no time-out, and a suspended holder blocks everybody. Whoever has the turn finds it
// free. The turn is, in this order, a flag within the process, the queue, and the whole-file lock on the data file, which
// ends the wait in the queue.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "os.h"
#include "waiting.h"

namespace piecemark::engine {

class WriterTurn {
 public:
  // Waits for the turn. While it does, it calls `on_wait` now and then, which may throw to give up.
  // Errors  busy           someone else kept it for longer than the time-out, or this thread has it already
  //         reopen_needed  the path leads to another file by now
  void take(const os::File& file, const os::FileId& id, const std::string& path, std::uint32_t timeout_ms,
            const OnWait& on_wait = {});
  void release(const os::File& file) noexcept;

 private:
  void take_within_process(const std::string& path, Deadline deadline, std::uint32_t timeout_ms,
                           const OnWait& on_wait);
  void release_within_process() noexcept;
  static bool take_among_processes(const os::File& file, Deadline deadline, const OnWait& on_wait);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_taken_ = false;
  std::thread::id holder_;
};

}  // namespace piecemark::engine
