#include "lmdb_error.h"

#include <lmdb.h>

#include <cerrno>

#include "file_error.h"
#include "os.h"

namespace piecemark::engine {
namespace {

// LMDB reports a short write, which is how most file systems end a full disk, as EIO.
constexpr std::uint64_t kFullBelowBytes = 1 << 20;

Error map_full(const std::string& attempted) {
  return {ErrorCode::disk_full,
          {attempted,
           "the map of the file is full",
           {},
           "nothing was stored; try again, the map grows before the next transaction, or open with a larger "
           "map_size_bytes (--map-size)"}};
}

Error disk_full(int code, const std::string& attempted, const std::string& path) {
  return {ErrorCode::disk_full,
          {attempted,
           std::string(mdb_strerror(code)) + ", " + std::to_string(os::free_bytes(path)) +
               " bytes are free for it",
           {},
           "nothing was stored; free some space, or delete rows, and try again"}};
}

// Of mapping, locking and syncing files. None of them comes of a file that is damaged, or of a disk that fails.
bool means_unable(int code) {
  return code == EINVAL || code == ENODEV || code == ENOSYS || code == ENOLCK || code == EOPNOTSUPP;
}

}  // namespace

Error opening_error(int code, const std::string& attempted, const std::string& path) {
  if (const auto error = file_name_error(code, attempted, path)) return *error;
  if (!means_unable(code)) return lmdb_error(code, attempted, path);
  return {ErrorCode::unsupported_platform,
          {attempted,
           os::file_system_of(path) +
               ", a file system that cannot map, lock or sync files: " + mdb_strerror(code),
           "file systems of local disks, such as ext4, XFS and Btrfs", "copy the file to a local disk"}};
}

Error lmdb_error(int code, const std::string& attempted, const std::string& path) {
  const std::string found = mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
      return map_full(attempted);
    case EFBIG:
      if (const auto error = file_name_error(code, attempted, path)) return *error;
      [[fallthrough]];
    case ENOSPC:
    case EDQUOT:
      return disk_full(code, attempted, path);
    case EIO:
      if (os::free_bytes(path) < kFullBelowBytes) return disk_full(code, attempted, path);
      return {ErrorCode::io_error,
              {attempted, found, {}, "check the disk and the system log, then open the file again"}};
    case ENOENT:
      return {ErrorCode::file_not_found,
              {attempted, "no such file", {}, "check the name, or create the file"}};
    case EACCES:
    case EPERM:
    case EROFS:
      return {ErrorCode::permission_denied,
              {attempted,
               found,
               {},
               "ask for permission on the file and on its folder, which holds the lock file"}};
    case MDB_INVALID:
      return {ErrorCode::not_a_store, {attempted, found, {}, "check that this is the right file"}};
    case MDB_VERSION_MISMATCH:
      return {
          ErrorCode::unsupported_container,
          {attempted, found, "LMDB 0.9 files", "export with the build that wrote it, import with this one"}};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_NOTFOUND:
      return {ErrorCode::corrupt_file,
              {attempted,
               found,
               {},
               "stop writing to this file; go back to a backup, or run 'piecemark salvage'"}};
    case MDB_READERS_FULL:
      return {ErrorCode::busy,
              {attempted,
               "every reader slot of the file is taken",
               {},
               "end read transactions that are no longer needed"}};
    case MDB_PANIC:
      return {ErrorCode::reopen_needed,
              {attempted,
               "an earlier commit failed half way",
               {},
               "close the store and open it again; the last complete commit is there"}};
    case MDB_BAD_TXN:
    case EINVAL:
      return {ErrorCode::invalid_use,
              {attempted,
               "a transaction that has ended or failed",
               {},
               "begin a new one and repeat the changes"}};
    case ENOMEM:
      return {ErrorCode::io_error,
              {attempted,
               "no memory, or no address space for the map",
               {},
               "raise the limit (ulimit -v), or open with a smaller map_size_bytes (--map-size)"}};
    default:
      return {ErrorCode::io_error,
              {attempted, found, {}, "check the disk and the system log, then open the file again"}};
  }
}

void check(int code, const std::string& attempted, const std::string& path) {
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempted, path);
}

void check_opening(int code, const std::string& attempted, const std::string& path) {
  if (code != MDB_SUCCESS) throw opening_error(code, attempted, path);
}

void throw_system_error(std::error_code error, const std::string& attempted, const std::string& path) {
  throw opening_error(error.value(), attempted, path);
}

}  // namespace piecemark::engine
