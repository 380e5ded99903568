// The parts of an open file (environment.h). Only for the sources that make up Environment.
#pragma once

#include <atomic>
#include <string>

#include "commit_guard.h"
#include "commit_notes.h"
#include "commits.h"
#include "data_file.h"
#include "environment.h"
#include "file_locks.h"
#include "lock_file.h"
#include "map.h"
#include "os.h"
#include "private_copy.h"
#include "reader_slots.h"
#include "table_handles.h"
#include "write_lock.h"

namespace piecemark::engine {

struct Environment::Rooms {
  Rooms(std::string path, const EnvironmentOptions& with) : options(with), data(std::move(path)) {}
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;
  ~Rooms();

  EnvironmentOptions options;
  const std::uint64_t fork_generation = os::fork_generation();
  std::atomic<bool> is_registered{false};  // among the files of the process

  // In the order in which they come to be; they go the other way round.
  DataFile data;
  std::optional<FileLocks> locks;
  PrivateCopy copy;
  LockFile lock_file;  // Closed after the map.
  Map map{data.path()};
  TableHandles tables{map, data.path()};
  CommitGuard guard{map};
  CommitNotes notes;
  std::optional<ReaderSlots> readers;  // not of a file in creation
  std::optional<WriteLock> write_lock;
  Commits commits{map, data.path()};

  std::atomic<bool> is_overwritten{false};
  std::atomic<bool> is_replaced{false};

  const std::string& path() const { return data.path(); }
  bool is_forked() const { return fork_generation != os::fork_generation(); }
  void close() noexcept;
  // From now on the process may open the file anew, beside this one.
  void unregister() noexcept;

  // Errors  forked, reopen_needed
  void check_usable(const char* attempted) const;
  // Errors  read_only, and those of check_usable
  void require_opened_for_writing() const;
  [[noreturn]] void throw_overwritten(const char* attempted);
  [[noreturn]] void throw_replaced(const char* attempted, const char* found);
};

}  // namespace piecemark::engine
