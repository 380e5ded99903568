// Write transactions of LMDB: on a thread of their own, and what the disk has of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <string>

#include "map.h"
#include "os.h"
#include "piecemark/durability.h"
#include "writer_thread.h"

namespace piecemark::engine {

// Threads  One at a time, but for sync() and has_committed().
class Commits {
 public:
  Commits(Map& map, const std::string& path) : map_(map), path_(path) {}

  // The caller is inside the map, and holds the write lock.
  MDB_txn* begin();
  void abort(MDB_txn* transaction) noexcept;
  // The same on the calling thread, where it ends too.
  MDB_txn* begin_here() { return map_.begin(0, "write to"); }

  struct How {
    Durability durability = Durability::full;
    bool changes = false;
    bool on_thread = true;  // False where the transaction was begun without it.
  };
  // The failure, if there is one. Never throws, not even for want of memory: the caller has locks to release.
  std::exception_ptr commit(MDB_txn* transaction, const How& how) noexcept;
  // Waits until the disk has this commit and all before.
  // Errors  io_error
  void sync(const os::File& file, std::uint64_t commit);

  bool has_committed() const { return has_committed_.load(); }
  // In a forked child.
  void abandon() noexcept { thread_.abandon(); }

 private:
  std::exception_ptr failure_of(int code) noexcept;

  Map& map_;
  const std::string& path_;
  WriterThread thread_;
  std::atomic<bool> has_committed_{false};
  std::atomic<std::uint64_t> durable_commit_{0};  // The disk has it, and all before.
};

}  // namespace piecemark::engine
