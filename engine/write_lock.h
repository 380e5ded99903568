// Who may write: one writer at a time, in this process and in all others, with a time-out that names the holder.
//
// LMDB's own write lock knows no time-out, and a suspended holder blocks everybody. The holder of this one finds it
// free. It is, in this order, a flag within the process, and `write` of the lock protocol. Threads of a process wait as
// processes do: one of them comes next, and keeps out the others, also the one that lets go of the lock and wants it again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "file_locks.h"
#include "waiting.h"

namespace piecemark::engine {

class WriteLock {
 public:
  WriteLock(FileLocks& locks, const std::string& path) : locks_(locks), path_(path) {}

  // Waits for the lock. While it does, it calls `on_wait` now and then, which may throw to give up.
  // Errors  busy  someone else kept it for longer than the time-out, or this thread holds it
  void acquire(std::uint32_t timeout_ms, const OnWait& on_wait = {});
  // False where somebody else, or this thread, holds it, or comes next.
  bool try_acquire();
  // So that nobody else writes, for a file that is open for reading only.
  void acquire_shared(std::uint32_t timeout_ms);
  void release() noexcept;
  // The transaction is used on this thread, from now on.
  void note_thread() noexcept { holder_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

 private:
  template <class Acquire>
  void acquire_among_processes(std::uint32_t timeout_ms, const Acquire& acquire);
  void acquire_within_process(Deadline deadline, std::uint32_t timeout_ms, const OnWait& on_wait);
  void release_within_process() noexcept;

  FileLocks& locks_;
  const std::string& path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;
  bool is_pending_ = false;  // A thread waits for is_held_; the others wait for this.
  std::atomic<std::thread::id> holder_{};
};

}  // namespace piecemark::engine
