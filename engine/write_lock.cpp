#include "write_lock.h"

#include <algorithm>
#include <utility>

#include "piecemark/error.h"

namespace piecemark::engine {
namespace {

Error busy(const std::string& path, std::string found, std::string next) {
  return {ErrorCode::busy, {"cannot write to '" + path + "'", std::move(found), {}, std::move(next)}};
}

}  // namespace

void WriteLock::acquire(std::uint32_t timeout_ms, const OnWait& on_wait) {
  const Deadline deadline = deadline_in(timeout_ms);
  acquire_within_process(deadline, timeout_ms, on_wait);
  acquire_among_processes(timeout_ms, [&] { return locks_.acquire_write(deadline, on_wait); });
}

void WriteLock::acquire_shared(std::uint32_t timeout_ms) {
  const Deadline deadline = deadline_in(timeout_ms);
  acquire_within_process(deadline, timeout_ms, {});
  acquire_among_processes(timeout_ms, [&] { return locks_.share_write(deadline); });
}

template <class Acquire>
void WriteLock::acquire_among_processes(std::uint32_t timeout_ms, const Acquire& acquire) {
  try {
    if (acquire()) return;
    auto holder = locks_.holder(FileLock::write);
    if (!holder) holder = locks_.holder(FileLock::pending);
    throw busy(path_,
               (holder ? holder->to_string() : "another process") + " holds the write lock; waited for " +
                   in_seconds(timeout_ms),
               "wait for it to end, or end it");
  } catch (...) {
    release_within_process();
    throw;
  }
}

bool WriteLock::try_acquire() {
  {
    const std::lock_guard lock(mutex_);
    if (is_pending_ || std::exchange(is_held_, true)) return false;
    note_thread();
  }
  try {
    if (locks_.try_acquire_write()) return true;
  } catch (...) {
    release_within_process();
    throw;
  }
  release_within_process();
  return false;
}

void WriteLock::release() noexcept {
  locks_.release(FileLock::write);
  release_within_process();
}

void WriteLock::acquire_within_process(Deadline deadline, std::uint32_t timeout_ms, const OnWait& on_wait) {
  constexpr auto kTellEvery = std::chrono::milliseconds(50);
  std::unique_lock lock(mutex_);
  if (is_held_ && holder_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    throw busy(path_, "an open write transaction of this thread", "commit it or let go of it first");
  }
  const auto await_end_of = [&](const bool& flag) {
    const auto pause_ends = [&] { return std::min(deadline, std::chrono::steady_clock::now() + kTellEvery); };
    while (!changed_.wait_until(lock, pause_ends(), [&] { return !flag; })) {
      if (on_wait) on_wait();
      if (std::chrono::steady_clock::now() < deadline) continue;
      throw busy(path_,
                 "another thread of this process kept its write transaction for " + in_seconds(timeout_ms),
                 "wait for it to end, or raise busy_timeout_ms");
    }
  };
  await_end_of(is_pending_);
  is_pending_ = true;
  struct Pending {
    WriteLock* lock;
    ~Pending() {
      lock->is_pending_ = false;
      lock->changed_.notify_all();
    }
  } const pending{this};
  await_end_of(is_held_);
  is_held_ = true;
  note_thread();
}

void WriteLock::release_within_process() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    holder_.store({}, std::memory_order_relaxed);
  }
  changed_.notify_all();
}

}  // namespace piecemark::engine
