#include "writer_turn.h"

#include <memory>

#include "piecemark/error.h"

namespace piecemark::engine {
namespace {

Error busy(const std::string& path, std::string found, std::string next) {
  return {ErrorCode::busy, {"cannot write to '" + path + "'", std::move(found), {}, std::move(next)}};
}

}  // namespace

void WriterTurn::take(const os::File& file, const os::FileId& id, const std::string& path,
                      std::uint32_t timeout_ms, const OnWait& on_wait) {
  const Deadline deadline = deadline_in(timeout_ms);
  take_within_process(path, deadline, timeout_ms, on_wait);
  try {
    if (!take_among_processes(file, deadline, on_wait)) {
      throw busy(path, os::lock_holder(id) + " has held the write lock for " + in_seconds(timeout_ms),
                 "wait for it to end, or end it");
    }
    os::FileFacts facts;
    if (os::facts_of(path, facts) || facts.id != id) {
      os::unlock(file);
      throw Error(ErrorCode::reopen_needed, {"cannot write to '" + path + "'",
                                             "the file was removed or replaced by another",
                                             {},
                                             "close the store and open it again"});
    }
  } catch (...) {
    release_within_process();
    throw;
  }
}

// Who lets go of the lock and wants it again at once would always have it before others wake up: so whoever is next to
// have it holds the queue.
bool WriterTurn::take_among_processes(const os::File& file, Deadline deadline, const OnWait& on_wait) {
  const auto polling = [&](const auto& attempt) {
    return [&] {
      const bool is_done = attempt();
      if (!is_done && on_wait) on_wait();
      return is_done;
    };
  };
  if (!poll_until(deadline, polling([&] { return os::try_lock_queue(file); }))) return false;
  const std::unique_ptr<const os::File, void (*)(const os::File*)> queue(
      &file, [](const os::File* queued) { os::unlock_queue(*queued); });
  constexpr auto kPauseMax = std::chrono::milliseconds(1);
  return poll_until(deadline, polling([&] { return os::try_lock(file, os::LockMode::exclusive); }),
                    kPauseMax);
}

void WriterTurn::release(const os::File& file) noexcept {
  os::unlock(file);
  release_within_process();
}

void WriterTurn::take_within_process(const std::string& path, Deadline deadline, std::uint32_t timeout_ms,
                                     const OnWait& on_wait) {
  constexpr auto kTellEvery = std::chrono::milliseconds(50);
  std::unique_lock lock(mutex_);
  if (is_taken_ && holder_ == std::this_thread::get_id()) {
    throw busy(path, "an open write transaction of this thread", "commit it or let go of it first");
  }
  const auto is_free = [&] { return !is_taken_; };
  const auto pause_ends = [&] { return std::min(deadline, std::chrono::steady_clock::now() + kTellEvery); };
  while (!changed_.wait_until(lock, pause_ends(), is_free)) {
    if (on_wait) on_wait();
    if (std::chrono::steady_clock::now() < deadline) continue;
    throw busy(path,
               "another thread of this process kept its write transaction for " + in_seconds(timeout_ms),
               "wait for it to end, or raise busy_timeout_ms");
  }
  is_taken_ = true;
  holder_ = std::this_thread::get_id();
}

void WriterTurn::release_within_process() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_taken_ = false;
    holder_ = {};
  }
  changed_.notify_one();
}

}  // namespace piecemark::engine
