// The lock file beside a store, in which LMDB keeps its table of readers. Whatever else lies under that name would be
// overwritten by LMDB, or lead it to overwrite something else.
//
// Reading or writing the file here would drop the locks that this process holds on it through LMDB: only for files that
// this process has not open.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

namespace piecemark::engine {

// The path and "-lock"; for a name of more than 250 bytes what file_name.h makes of it, and ".lock" (lmdb_path.h).
std::string lock_file_of(const std::string& path);

// `path` is the store, `attempted` begins the message.
// Errors  unsafe_lock_file  for a symbolic link, a folder, or anything else that is no file
void require_plain_lock_file(const std::string& path, const std::string& attempted);
// Errors  unsafe_lock_file  besides, for a file that LMDB has not made
void require_own_lock_file(const std::string& path, const std::string& attempted);

// Makes the lock file of LMDB's size where it is missing, with room on the disk: LMDB would not claim any, and die of a
// full disk when it maps the file. Those who may read the store may use it. The error if there is no room, else none:
// LMDB finds out whatever else is wrong.
std::error_code reserve_lock_file(const std::string& path, unsigned readers_max,
                                  std::uint32_t store_permissions);

}  // namespace piecemark::engine
