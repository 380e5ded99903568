// The lock file beside a store, in which LMDB keeps its table of readers. Whatever else lies under that name would be
// overwritten by LMDB, or lead it to overwrite something else.
//
// LMDB protects itself by locks of the process on its lock file: the first byte, for as long as it has the file open, and
// the byte whose offset is the process id, once it reads. They end when the process closes any descriptor of the lock
// file, as programs do that copy the folder. So
//   - an open store holds the first byte by a lock of its own as well, and the next opener finds the lock file in use;
//   - no process calls a reader dead whose process has the store open (file_locks.h);
//   - a process looks now and then whether its locks are still there, and acquires them again.
//
// Reading or writing the lock file here would drop the same locks: only for files that this process does not have open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "os.h"
#include "shared_state.h"

namespace piecemark::engine {

// Reader slots that all processes together use at most, but for a few of each. LMDB makes slots of the whole lock file, and so
// of the shared state too: the slots before that are what there is.
inline constexpr unsigned kReaderSlots = 4094;
inline constexpr unsigned kSlotsOfLmdb = 4158;
inline constexpr unsigned kReadersMax = 2046;
// Those of one process: the others stay free for the other processes.
inline constexpr unsigned kReadersOfProcessMax = kReadersMax * 3 / 4;

// The path and "-lock"; for a name of more than 250 bytes what file_name.h makes of it, and ".lock" (lmdb_path.h).
std::string lock_file_of(const std::string& path);

// `path` is the store, `attempted` begins the message.
// Errors  unsafe_lock_file  for a symbolic link, a folder, or anything else that is no file
void require_plain_lock_file(const std::string& path, const std::string& attempted);
// Errors  unsafe_lock_file  besides, for a file that LMDB has not made
void require_own_lock_file(const std::string& path, const std::string& attempted);

// The lock file of a store that this process has open, or is about to open.
// Lifetime  Closed after LMDB has closed the store, and only then.
class LockFile {
 public:
  // Makes the lock file where it is missing: with room on the disk, which LMDB would not claim, and die of a full disk when
  // it maps the file; and with owner, group and permissions of the store as far as this process may give them, whatever
  // its umask.
  // Errors  unsafe_lock_file, permission_denied (names the lock file), disk_full, io_error
  static LockFile open(const std::string& path, const os::File& store, const std::string& attempted);

  // Whether this process may write it; or, where it is missing, create it so that all who may write the store may write
  // it: a process that may only read the store should not lock its owner out.
  static bool may_be_used(const std::string& path, const os::File& store);

  LockFile() = default;
  LockFile(LockFile&&) noexcept = default;
  LockFile& operator=(LockFile&& other) noexcept {
    close();
    file_ = std::move(other.file_);
    id_ = other.id_;
    shared_ = std::move(other.shared_);
    return *this;
  }
  ~LockFile() { close(); }
  explicit operator bool() const { return static_cast<bool>(file_); }
  const os::FileId& id() const { return id_; }
  SharedState& shared() { return shared_; }

  // False where another data file is used with this lock file: its name belonged to another file before.
  bool bind_to(const os::FileId& store);
  // Before the shared state is used. The first of those who use the lock file at the same time resets it, and waits for nothing
  // meanwhile; others wait until that is done.
  // Errors  std::errc::resource_unavailable_try_again  it was not done by the deadline
  std::error_code join(Deadline deadline);
  // To be called once LMDB has opened the file.
  void protect_first_byte();

  // Whether the path still leads to it, by which LMDB opens it.
  bool is_at_its_path(const std::string& store_path) const;

  // Whether LMDB's lock of a process that reads is there.
  bool is_reader_locked(std::uint32_t process_id) const;
  // Acquires the locks of this process again, if they were lost.
  void restore_own_locks();

  void close() noexcept {
    shared_ = {};
    file_.close();
  }
  // In a forked child, which has closed it.
  void abandon() {
    file_.abandon();
    shared_.abandon();
  }
  int descriptor() const { return file_.descriptor(); }

 private:
  os::File file_;
  os::FileId id_;
  SharedState shared_;
};

}  // namespace piecemark::engine
