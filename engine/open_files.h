// The environments of this process: a file is open once in it, by whatever names, and so is a lock file.
//
// Invariants
//   - An entry stays from before its file is opened until after it is closed. Threads that want the file meanwhile
//     wait, and no others: opening and closing go on without the mutex.
//   - A forked child begins with none: what the parent has open is not its own, and the parent's mutex may be locked for ever.
//   - Never destroyed: stores may be closed at the very end of the process.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "os.h"
#include "waiting.h"

namespace piecemark::engine {

class Environment;

class OpenFiles {
 public:
  static OpenFiles& of_process();

  // What there is of a file: its environment, or the right to open it.
  class Claim {
   public:
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;
    // The right ends, if the file was not opened.
    ~Claim();

    // nullptr: the caller opens the file, and others wait until it has called opened(), or let go of the claim.
    const std::shared_ptr<Environment>& present() const { return present_; }
    // False where another file of this process uses the lock file.
    bool add_lock_file(const os::FileId& lock_file);
    void opened(const std::shared_ptr<Environment>& environment);

   private:
    friend class OpenFiles;
    Claim(OpenFiles* files, const os::FileId& id, std::shared_ptr<Environment> present)
        : files_(files), id_(id), present_(std::move(present)) {}

    OpenFiles* files_;  // nullptr without the right
    os::FileId id_;
    std::shared_ptr<Environment> present_;
  };
  // Waits while another thread opens or closes this file; nullopt where that takes longer.
  std::optional<Claim> claim(const os::FileId& id, Deadline deadline);

  // The environment was closed.
  void closed(const os::FileId& id);

  // Whether a file of this process uses the lock file.
  bool uses_lock_file(const os::FileId& lock_file);

 private:
  struct Entry {
    std::weak_ptr<Environment> environment;
    bool is_opening = true;
    std::optional<os::FileId> lock_file;
  };

  OpenFiles() : fork_generation_(os::fork_generation()) {}

  const std::uint64_t fork_generation_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<os::FileId, Entry> entries_;
};

}  // namespace piecemark::engine
