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

}  // namespace

// Whoever sleeps is woken tens of microseconds late, the later the deeper his processor sleeps, and one transaction often
// comes right after the other. But a program that writes once in a while, or waits long for its disk, shall not pay for that
// with its processor.
void WriterThread::Patience::await_change(const std::atomic<std::uint32_t>& word,
                                          std::uint32_t seen) noexcept {
  constexpr auto kSpin = std::chrono::microseconds(200);
  constexpr auto kSoon = std::chrono::microseconds(500);
  constexpr auto kSleep = std::chrono::hours(1);
  static const bool kHasProcessorToSpare = std::thread::hardware_concurrency() > 1;
  const auto began = std::chrono::steady_clock::now();
  auto now = began;
  while (word.load(std::memory_order_acquire) == seen) {
    if (!spins || now - began >= kSpin) os::wait_for_change(word, seen, kSleep);
    now = std::chrono::steady_clock::now();
  }
  spins = kHasProcessorToSpare && now - began < kSoon;
}

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

void WriterThread::run(Kind kind, const Task& task) noexcept {
  Desk& desk = *desk_;
  desk.task = task;
  const std::uint32_t number = desk.asked.load(std::memory_order_relaxed) + 1;
  change(desk.asked, number);
  patience_[static_cast<std::size_t>(kind)].await_change(desk.done, number - 1);
}

void WriterThread::serve(Desk& desk) noexcept {
  Patience patience;
  for (std::uint32_t seen = 0;; change(desk.done, seen)) {
    patience.await_change(desk.asked, seen);
    ++seen;
    if (desk.ends) return;
    desk.task.call(desk.task.work);
  }
}

}  // namespace piecemark::engine
