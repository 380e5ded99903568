// The lock protocol of a store file: which locks there are, and what a process holds while it does something.
//
//   lock      shared by                                     exclusive by
//   --------  --------------------------------------------  ------------------------------------------------------------
//   gate      an opener, from before it looks at the lock   a process that creates the file, or puts it in the place of
//             file until its environment is open            another one, until its names are final
//   open      every open environment, until it closes       no process: it is queried, to know whether others are there
//   pending   a process that will share `write`, while it   the writer that comes next, while it waits for `write`
//             waits for that
//   write     a process that needs a file at rest:          the writer, from before its transaction begins until after
//             an opener that walks the pages, a private     its end
//             copy in the making
//
// Order of acquisition: gate, open, pending, write. No process waits for a lock that is further left than one it holds.
//
// Fairness. A process that waits for `write` holds `pending`. A writer keeps out all others by that, and waits only for
// holders of `write`; processes that will share `write` keep out the next writer, and wait only for the present one. So a
// process that releases `write` and acquires it again at once comes after those that waited.
//
// Waiting. A process that releases a lock wakes the waiters (LockSignal). A process that ends wakes none: for its sake
// waiters look again every 20 ms.
//
// Locks are ranges of bytes beyond the end of every file, and belong to the open file: threads of one environment share
// them, and coordinate by other means. Where a range ends says which process holds it. FORMAT.md has the numbers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "os.h"
#include "waiting.h"

namespace piecemark::engine {

enum class FileLock : std::uint8_t { gate, open, pending, write };
inline constexpr std::array kFileLocks{FileLock::gate, FileLock::open, FileLock::pending, FileLock::write};

// A process, as other processes of the machine may see it.
struct ProcessIdentity {
  std::uint32_t id = 0;          // in its own namespace of process ids
  std::uint16_t name_space = 0;  // os::process_namespace()

  static ProcessIdentity own();
  // "process 4711 (drawing-app)"
  std::string to_string() const;
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

// Two words in memory that all processes share which have the file open (shared_state.h).
struct LockSignal {
  std::atomic<std::uint32_t>* changes = nullptr;  // grows when a lock that others wait for was released
  std::atomic<std::uint32_t>* waiters = nullptr;
};

// What the protocol needs of the system. Tests have one of their own, in which time and processes follow a seed.
class LockSystem {
 public:
  virtual ~LockSystem() = default;
  virtual std::error_code try_lock(int descriptor, const os::ByteRange& range, os::LockMode mode) = 0;
  virtual void unlock(int descriptor, const os::ByteRange& range) noexcept = 0;
  virtual std::optional<os::ByteRange> conflicting_lock(int descriptor, const os::ByteRange& range,
                                                        os::LockMode mode) = 0;
  virtual Deadline now() = 0;
  // Until `changes` differs from `seen`, or for so long. Without `changes` it waits for the time alone.
  virtual void wait(const std::atomic<std::uint32_t>* changes, std::uint32_t seen,
                    std::chrono::microseconds time) = 0;
  virtual void wake(const std::atomic<std::uint32_t>& changes) noexcept = 0;

  static LockSystem& real();
};

// The locks that one open file holds.
// Threads  Calls for different locks may run at the same time. One environment has one thread at most in a call for
//          `pending` and `write`.
class FileLocks {
 public:
  // `path` is for messages.
  FileLocks(int descriptor, std::string path, ProcessIdentity own = ProcessIdentity::own(),
            LockSystem& system = LockSystem::real())
      : descriptor_(descriptor), path_(std::move(path)), own_(own), system_(&system) {}

  // From now on, waits end when others release locks, and others are woken.
  void set_signal(const LockSignal& signal) { signal_ = signal; }

  // False where others hold it.
  // Errors  unsupported_platform  the file system has no locks
  bool try_acquire(FileLock lock, os::LockMode mode);
  // The same, waiting until the deadline. `on_wait` is called now and then, and may throw to give up.
  bool acquire(FileLock lock, os::LockMode mode, Deadline deadline, const OnWait& on_wait = {});
  void release(FileLock lock) noexcept;

  // `write`, by the rules of fairness above.
  bool acquire_write(Deadline deadline, const OnWait& on_wait = {});
  bool try_acquire_write();
  bool share_write(Deadline deadline);

  // A process that keeps this lock from being acquired: one of several.
  std::optional<ProcessIdentity> holder(FileLock lock, os::LockMode mode = os::LockMode::exclusive) const;
  // Whether a process with this id, of whatever namespace, has the file open, other than through this open file.
  bool is_open_in(std::uint32_t process_id) const;

  // Notes by which lock file this environment finds the readers of the others. False where another one has the file open
  // by another lock file.
  bool share_lock_file(const os::FileId& lock_file);

 private:
  bool try_lock(const os::ByteRange& range, os::LockMode mode);
  template <class Attempt>
  bool wait_until(Deadline deadline, const OnWait& on_wait, const Attempt& attempt);

  int descriptor_;
  std::string path_;
  ProcessIdentity own_;
  LockSystem* system_;
  LockSignal signal_;
  const std::uint64_t fork_generation_ = os::fork_generation();
};

}  // namespace piecemark::engine
