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
  // In a forked child, which has no part in it.
  void abandon() noexcept { memory_.abandon(); }
  // To be called where nobody else uses the lock file.
  void reset() noexcept;

  LockSignal lock_signal() const;

  // Which commit the file holds. There is at most one more that was announced, and it may have been made: a writer that is
  // killed does not tell of it.

  // Before a commit is made. The caller holds the write lock, and the commit before was told.
  void announce(const CommitMark& mark) noexcept;
  // The same for one that leaves the mark of the commit before.
  void announce_without_mark(std::uint64_t commit) noexcept;
  // That the file holds the commit. The caller holds the write lock, or shares it.
  void tell(const CommitMark& mark, std::uint64_t meta_hash) noexcept;

  // What the file holds of this commit, as far as it is known; nullopt where it cannot hold it. Nothing is known where nothing
  // was told.
  std::optional<CommitFacts> expected(std::uint64_t commit) const noexcept;
  // The last commit that was told, if it was announced too, and no other since. One that was not, was there when the first
  // process opened the file, as it may be in copies of it.
  std::optional<CommitMark> last_commit() const noexcept;
  // 0: none
  std::uint64_t told_commit() const noexcept { return words().told_commit.load(); }
  // What is in the file beyond that, was not made by a process that has it open.
  std::uint64_t announced_commit() const noexcept { return words().announced_commit.load(); }

 private:
  struct Words {
    std::atomic<std::uint64_t> magic;
    std::atomic<std::uint32_t> lock_changes;
    std::atomic<std::uint32_t> lock_waiters;
    std::atomic<std::uint64_t> told_commit;  // 0: none
    std::atomic<std::uint64_t> announced_commit;
    // Of the last even and of the last odd commit, so that those of one stay while the next is announced.
    std::atomic<std::uint64_t> random_of[2];
    std::atomic<std::uint64_t> meta_hash_of[2];
  };
  static_assert(sizeof(Words) == 64, "FORMAT.md describes these bytes.");

  Words& words() const { return *static_cast<Words*>(memory_.data()); }

  os::SharedMemory memory_;
};

}  // namespace piecemark::engine
