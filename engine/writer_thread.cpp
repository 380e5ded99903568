#include "writer_thread.h"

#include <chrono>

#include "os.h"

namespace piecemark::engine {
namespace {

// Not the waits of std::atomic: those of libstdc++ 12 wake only where they see somebody wait, and a store with release order
// may become visible after that look; then both threads sleep for ever.
void change(std::atomic<std::uint32_t>& word, std::uint32_t number) noexcept {
  word.store(number, std::memory_order_release);
  os::wake_all(word);
}

// Spins for a moment first: to sleep and be woken takes longer than most hand-overs, and one transaction often comes right
// after the other.
void await_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept {
  constexpr auto kSpin = std::chrono::microseconds(20);
  constexpr auto kSleep = std::chrono::hours(1);
  static const bool has_processor_to_spare = std::thread::hardware_concurrency() > 1;
  const auto spin_until = std::chrono::steady_clock::now() + kSpin;
  while (word.load(std::memory_order_acquire) == seen) {
    if (!has_processor_to_spare || std::chrono::steady_clock::now() >= spin_until)
      os::wait_for_change(word, seen, kSleep);
  }
}

}  // namespace

WriterThread::~WriterThread() {
  if (!thread_) return;
  desk_->ends = true;
  change(desk_->asked, desk_->asked.load(std::memory_order_relaxed) + 1);
  thread_->join();
}

void WriterThread::start() {
  if (thread_) return;
  if (!desk_) desk_ = std::make_unique<Desk>();
  // Signals are for the threads of the program.
  const os::SignalsBlocked blocked;
  thread_ = std::make_unique<std::thread>([desk = desk_.get()] { serve(*desk); });
}

void WriterThread::abandon() noexcept {
  static_cast<void>(thread_.release());
  static_cast<void>(desk_.release());
}

void WriterThread::run(const Task& task) noexcept {
  Desk& desk = *desk_;
  desk.task = task;
  const std::uint32_t number = desk.asked.load(std::memory_order_relaxed) + 1;
  change(desk.asked, number);
  await_change(desk.done, number - 1);
}

void WriterThread::serve(Desk& desk) noexcept {
  for (std::uint32_t seen = 0;; change(desk.done, seen)) {
    await_change(desk.asked, seen);
    ++seen;
    if (desk.ends) return;
    desk.task.call(desk.task.work);
  }
}

}  // namespace piecemark::engine
