// The thread that begins and ends the write transactions of an environment. LMDB's mutex belongs to the thread that has
// locked it: unlocking it on another one does nothing, and the next writer waits for ever. So that a write transaction may
// be used, committed and let go of on any thread, all of them lock and unlock on this one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
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
  enum class Kind : std::uint8_t {
    begin,
    end
  };  // of a transaction: the one is done at once, the other waits for the disk
  // Runs work() on the thread, and returns when it has. It does not throw. One call at a time; after start().
  // Cost  some microseconds, where the thread or the caller need not be woken; else some dozens
  template <class Work>
  void run(Kind kind, Work& work) noexcept {
    run(kind, {[](void* of) noexcept { (*static_cast<Work*>(of))(); }, &work});
  }
  // In a forked child, which does not have the thread.
  void abandon() noexcept;

 private:
  struct Task {
    void (*call)(void* work) noexcept;
    void* work;
  };
  // Of somebody who waits again and again: whether it pays to spin before sleeping.
  struct Patience {
    bool spins = true;

    // Until the word is no longer what was seen.
    void await_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept;
  };
  // What both threads use: the thread may still be in it when the object goes.
  struct Desk {
    std::atomic<std::uint32_t> asked{0};  // the number of the task that is to be done
    std::atomic<std::uint32_t> done{0};
    bool ends = false;
    Task task{};
  };

  void run(Kind kind, const Task& task) noexcept;
  static void serve(Desk& desk) noexcept;

  std::unique_ptr<Desk> desk_;
  std::array<Patience, 2> patience_;  // of callers, by kind
  std::unique_ptr<std::thread> thread_;
};

}  // namespace piecemark::engine
