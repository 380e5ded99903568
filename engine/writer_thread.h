// The thread that begins and ends the write transactions of an environment. LMDB's mutex belongs to the thread that has
// locked it: unlocking it on another one does nothing, and the next writer waits for ever. So that a write transaction may
// be used, committed and let go of on any thread, all of them lock and unlock on this one.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

namespace piecemark::engine {

class WriterThread {
 public:
  WriterThread() = default;
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;
  ~WriterThread();

  // Starts the thread, unless it runs. What throws here is no failure of a transaction.
  void start();
  // Runs work() on the thread, and returns when it has. It does not throw. One call at a time; after start().
  // Cost  some microseconds
  template <class Work>
  void run(Work& work) noexcept {
    run({[](void* of) noexcept { (*static_cast<Work*>(of))(); }, &work});
  }
  // In a forked child, which does not have the thread.
  void abandon() noexcept;

 private:
  struct Task {
    void (*call)(void* work) noexcept;
    void* work;
  };
  // What both threads use: the thread may still be in it when the object goes.
  struct Desk {
    std::atomic<std::uint32_t> asked{0};  // the number of the task that is to be done
    std::atomic<std::uint32_t> done{0};
    bool ends = false;
    Task task{};
  };

  void run(const Task& task) noexcept;
  static void serve(Desk& desk) noexcept;

  std::unique_ptr<Desk> desk_;
  std::unique_ptr<std::thread> thread_;
};

}  // namespace piecemark::engine
