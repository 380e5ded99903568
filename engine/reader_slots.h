// Who reads which snapshot, in all processes that have the file open: LMDB's table of readers.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "commit_clock.h"
#include "file_locks.h"
#include "lock_file.h"
#include "map.h"
#include "piecemark/long_reader.h"
#include "transaction.h"

namespace piecemark::engine {

class ReaderSlots {
 public:
  ReaderSlots(Map& map, const FileLocks& locks, LockFile& lock_file, const std::string& path)
      : map_(map), locks_(locks), lock_file_(lock_file), path_(path) {}

  // Whether the table of readers names a process of this id.
  static bool has_slots(const Map& map, std::uint32_t process_id);

  // A snapshot of this process begins, or has ended.
  // Errors  busy  the process has as many as it may have, or all processes together have
  void add();
  // The same, whatever their number.
  void count_one() noexcept { own_.fetch_add(1, std::memory_order_relaxed); }
  void remove() noexcept { own_.fetch_sub(1, std::memory_order_relaxed); }

  // How many snapshots processes have open that have not ended.
  std::uint32_t count_living() const;

  // Processes that read a snapshot which was superseded longer ago than `limit_ms`, as of this transaction.
  // Cost  reads the free list for each of them
  std::vector<LongReader> long_readers(const ReadTransaction& transaction, const CommitClock& clock,
                                       std::uint64_t limit_ms) const;

  // Frees the slots of processes that have ended. Leaves all of them where a process that lives has lost the lock by which
  // LMDB tells.
  void clear_dead();
  // The same, if it was not done within the last second.
  void clear_dead_now_and_then();

 private:
  static constexpr std::int64_t kGrantMicroseconds = 1'000'000;

  bool is_granted(unsigned own) const;
  bool has_room_for(unsigned own);

  Map& map_;
  const FileLocks& locks_;
  LockFile& lock_file_;
  const std::string& path_;
  std::atomic<unsigned> own_{0};
  std::atomic<unsigned> granted_{0};  // so many of this process, for a moment
  std::atomic<std::int64_t> granted_at_{0};
  std::atomic<std::int64_t> cleared_dead_{0};  // when
};

}  // namespace piecemark::engine
