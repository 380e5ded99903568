#include "writer_thread.h"

#include "os.h"

namespace piecemark::engine {

WriterThread::~WriterThread() {
  if (!thread_) return;
  desk_->ends = true;
  desk_->asked.fetch_add(1, std::memory_order_release);
  desk_->asked.notify_one();
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
  desk.asked.store(number, std::memory_order_release);
  desk.asked.notify_one();
  for (std::uint32_t done = desk.done.load(std::memory_order_acquire); done != number;
       done = desk.done.load(std::memory_order_acquire)) {
    desk.done.wait(done, std::memory_order_acquire);
  }
}

void WriterThread::serve(Desk& desk) noexcept {
  for (std::uint32_t seen = 0;; desk.done.store(seen, std::memory_order_release), desk.done.notify_one()) {
    desk.asked.wait(seen, std::memory_order_acquire);
    ++seen;
    if (desk.ends) return;
    desk.task.call(desk.task.work);
  }
}

}  // namespace piecemark::engine
