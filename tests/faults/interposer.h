// Makes calls of this process fail on demand: writes and syncs of files, and allocations. Definitions in the program
// itself take the place of the C library's, for LMDB's calls too.
//
// Syncs that do not fail do nothing, which saves most of the time: no test of this program cuts the power.
//
// Counts and strikes only between arm() and disarm(), on whatever thread. Standard streams are never struck.
// Under a sanitizer malloc belongs to it: there only C++ allocations are struck, not those of LMDB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace piecemark::testing {

enum class Fault : std::uint8_t {
  write_error,  // EIO, nothing written
  disk_full,    // ENOSPC, nothing written
  short_write,  // half of it written, and reported so
  late_write,  // all of it written, EIO all the same: a synchronous write that failed. Later ones are plain errors
  sync_error,  // EIO
  allocation,  // ENOMEM, std::bad_alloc
};
std::string_view name_of(Fault fault);

enum class Duration : std::uint8_t { once, from_then_on };
std::string_view name_of(Duration duration);

// What happened while armed.
struct Struck {
  std::uint64_t calls = 0;  // that the fault could have struck
  std::uint64_t failed = 0;
  std::uint64_t synchronous_writes =
      0;  // to files opened so that each write waits for the disk; whatever the fault
};

// A sanitizer keeps malloc to itself: only allocations of C++ are struck, and each run takes many times as long.
bool runs_under_sanitizer() noexcept;

// From now on the call number `nth` fails, counted from 1, or no call where `nth` is 0. One fault at a time.
void arm(Fault fault, std::uint64_t nth, Duration duration) noexcept;
Struck disarm() noexcept;

// Told of what this process does to files, call by call, each as soon as it has succeeded. A write that waits for the
// disk is one whose file was opened so.
// Threads  one call at a time, on whatever thread
class FileWatcher {
 public:
  virtual ~FileWatcher() = default;
  virtual void created(const std::string& path) = 0;
  virtual void wrote(int descriptor, std::uint64_t offset, std::string_view bytes, bool waits) = 0;
  virtual void truncated(int descriptor, std::uint64_t size) = 0;
  virtual void synced(int descriptor) = 0;
  virtual void renamed(const std::string& from, const std::string& to) = 0;
  virtual void removed(const std::string& path) = 0;
};
// From now on; nullptr for no watcher. Not while a fault is armed: watching takes memory.
void watch_files(FileWatcher* told) noexcept;

}  // namespace piecemark::testing
