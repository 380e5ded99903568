// The parts of an open file (environment.h), and what takes several of them. Only for the sources that make up Environment.
#pragma once

#include <atomic>
#include <exception>
#include <string>

#include "commit_guard.h"
#include "commit_notes.h"
#include "environment.h"
#include "file_locks.h"
#include "lock_file.h"
#include "map.h"
#include "os.h"
#include "private_copy.h"
#include "reader_slots.h"
#include "table_handles.h"
#include "write_lock.h"
#include "writer_thread.h"

namespace piecemark::engine {

struct Environment::Rooms {
  Rooms(std::string at, const EnvironmentOptions& with) : path(std::move(at)), options(with) {}
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;
  ~Rooms();

  std::string path;
  EnvironmentOptions options;
  const std::uint64_t fork_generation = os::fork_generation();
  bool is_registered = false;  // among the files of the process

  // In the order in which they come to be; they go the other way round.
  os::File file;  // for the locks on the data file
  os::FileId file_id;
  std::optional<FileLocks> locks;
  PrivateCopy copy;
  LockFile lock_file;  // Closed after the map.
  Map map{path};
  TableHandles tables{map, path};
  CommitGuard guard{map};
  CommitNotes notes;
  std::optional<ReaderSlots> readers;  // not of a file in creation
  std::optional<WriteLock> write_lock;
  WriterThread writer_thread;

  std::atomic<bool> is_overwritten{false};
  std::atomic<bool> is_replaced{false};
  std::atomic<bool> has_committed{false};
  std::atomic<std::uint64_t> durable_commit{0};  // The disk has it, and all before.

  bool is_forked() const { return fork_generation != os::fork_generation(); }
  // Errors  forked, reopen_needed
  void check_usable(const char* attempted) const;
  // Errors  read_only, and those of check_usable
  void require_opened_for_writing() const;
  // Errors  corrupt_file
  void check_pages(const os::File& of, const char* attempted) const;
  // Whether the path leads to this file.
  bool is_at_its_path() const;
  void close() noexcept;

  MDB_txn* begin_snapshot();
  void settle_later_commit();
  // The caller holds the write lock and is inside the map; the writer thread runs.
  MDB_txn* begin_writing();
  void abort_writing(MDB_txn* transaction) noexcept;
  // Acquires the write lock of a file that is still at its path.
  void acquire_write_lock(Environment& environment, std::uint32_t timeout_ms, const OnWait& on_wait);

  void end_read(MDB_txn* transaction) noexcept;
  void end_write(MDB_txn* transaction, WriterHold hold) noexcept;
  struct Commit {
    Durability durability = Durability::full;
    bool changes = false;
    WriterHold hold = WriterHold::nothing;
    std::optional<CommitMark> mark;
  };
  void commit(MDB_txn* transaction, const Commit& commit);
  void sync(std::uint64_t commit);

  [[noreturn]] void throw_overwritten(const char* attempted);
  [[noreturn]] void throw_replaced(const char* attempted, const char* found);

 private:
  Error overwritten(const char* attempted) const;
  int commit_in_lmdb(MDB_txn* transaction, const Commit& commit) noexcept;
  std::exception_ptr failed_commit(int code) noexcept;
};

}  // namespace piecemark::engine
