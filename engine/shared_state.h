// What all processes share that have a store open: a page of memory behind LMDB's slots in the lock file. It says nothing
// that cannot be lost: locks are the system's, and commits are in the data file. FORMAT.md has the bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "commit_anchor.h"
#include "file_locks.h"
#include "os.h"

namespace piecemark::engine {

class SharedState {
 public:
  // Where it lies in the lock file: behind more slots than readers may have.
  static constexpr std::uint64_t kOffset = std::uint64_t{256} << 10;
  static constexpr std::uint64_t kSize = 4096;

  // Nothing is shared before.
  std::error_code map(const os::File& lock_file);
  explicit operator bool() const { return memory_.data() != nullptr; }
  // To be called where nobody else uses the lock file.
  void reset() noexcept;

  LockSignal lock_signal() const;

  // The mark of the last commit that was told.
  std::optional<CommitMark> last_commit() const noexcept;
  // The caller holds the write lock.
  void set_last_commit(const CommitMark& mark) noexcept;

  // The highest number under which a commit was about to be made: what is in the file beyond that, was not made by a process
  // that has it open.
  std::uint64_t announced_commit() const noexcept { return words().announced_commit.load(); }
  // Before it is made. The caller holds the write lock.
  void announce_commit(std::uint64_t commit) noexcept { words().announced_commit.store(commit); }

 private:
  struct Words {
    std::atomic<std::uint64_t> magic;
    std::atomic<std::uint32_t> lock_changes;
    std::atomic<std::uint32_t> lock_waiters;
    std::atomic<std::uint64_t> mark_commit;  // 0 while the mark is being written
    std::atomic<std::uint64_t> mark_random;
    std::atomic<std::uint64_t> announced_commit;
  };
  static_assert(sizeof(Words) == 40, "FORMAT.md describes these bytes.");

  Words& words() const { return *static_cast<Words*>(memory_.data()); }

  os::SharedMemory memory_;
};

}  // namespace piecemark::engine
