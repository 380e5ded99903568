#include "interposer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>

#include "tests/support/sanitizers.h"

#if defined(PIECEMARK_ADDRESS_SANITIZER) || defined(PIECEMARK_THREAD_SANITIZER)
#define PIECEMARK_SANITIZER_OWNS_MALLOC
#endif

// The targets hide what they define; these must be seen by the shared libraries.
#define PIECEMARK_INTERPOSED extern "C" __attribute__((visibility("default")))

namespace piecemark::testing {
namespace {

std::atomic<bool> is_armed{false};
std::atomic<Fault> armed_fault{};
std::atomic<Duration> armed_duration{};
std::atomic<std::uint64_t> armed_nth{0};
std::atomic<std::uint64_t> calls{0};
std::atomic<std::uint64_t> failed{0};
std::atomic<std::uint64_t> synchronous_writes{0};
// By descriptor: what was opened for writes that wait for the disk.
std::array<std::atomic<bool>, 1024> is_synchronous{};

std::atomic<FileWatcher*> watcher{nullptr};
std::mutex watcher_mutex;

template <class Tell>
void tell_watcher(const Tell& tell) noexcept {
  if (watcher.load() == nullptr) return;
  const int before = errno;
  const std::lock_guard lock(watcher_mutex);
  if (FileWatcher* const told = watcher.load()) tell(*told);
  errno = before;
}

enum class Call : std::uint8_t { write, sync, allocation };

Call call_of(Fault fault) {
  switch (fault) {
    case Fault::sync_error:
      return Call::sync;
    case Fault::allocation:
      return Call::allocation;
    default:
      return Call::write;
  }
}

// How often the fault has struck, this call included; 0 where it spares this call.
std::uint64_t strike(Call call) noexcept {
  if (!is_armed.load() || call_of(armed_fault) != call) return 0;
  const std::uint64_t number = calls.fetch_add(1) + 1;
  const std::uint64_t nth = armed_nth;
  const bool is_struck = armed_duration == Duration::once ? number == nth : nth != 0 && number >= nth;
  return is_struck ? failed.fetch_add(1) + 1 : 0;
}

bool is_file(int descriptor) noexcept {
  const int before = errno;
  struct stat facts {};
  const bool is_regular = ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
  errno = before;
  return descriptor > STDERR_FILENO && is_regular;
}

template <class Result>
Result fail(int error) noexcept {
  errno = error;
  return Result{-1};
}

bool waits_for_disk(int descriptor) noexcept {
  return static_cast<std::size_t>(descriptor) < is_synchronous.size() &&
         is_synchronous[static_cast<std::size_t>(descriptor)];
}

// Where a write goes; without an offset of its own, to where the last one ended.
std::uint64_t place_of(int descriptor) noexcept {
  return watcher.load() == nullptr ? 0 : static_cast<std::uint64_t>(::lseek(descriptor, 0, SEEK_CUR));
}
std::uint64_t place_of(int /*descriptor*/, off_t offset) noexcept {
  return static_cast<std::uint64_t>(offset);
}

void tell_of_write(int descriptor, std::uint64_t offset, const iovec* parts, int count,
                   ssize_t written) noexcept {
  if (watcher.load() == nullptr || written <= 0 || !is_file(descriptor)) return;
  tell_watcher([&](FileWatcher& told) {
    std::string bytes;
    for (int i = 0; i < count; ++i)
      bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    bytes.resize(static_cast<std::size_t>(written));
    told.wrote(descriptor, offset, bytes, waits_for_disk(descriptor));
  });
}

// Writes, or does not, as the armed fault will have it.
template <class All, class Half>
ssize_t write_or_fail(int descriptor, const All& all, const Half& half) noexcept {
  if (is_armed.load() && waits_for_disk(descriptor)) ++synchronous_writes;
  const std::uint64_t strikes = is_armed.load() && is_file(descriptor) ? strike(Call::write) : 0;
  if (strikes == 0) return all();
  switch (armed_fault) {
    case Fault::disk_full:
      return fail<ssize_t>(ENOSPC);
    case Fault::short_write:
      return half();
    case Fault::late_write:
      if (strikes == 1) all();
      return fail<ssize_t>(EIO);
    default:
      return fail<ssize_t>(EIO);
  }
}

int sync_or_fail() noexcept {
  return strike(Call::sync) > 0 ? fail<int>(EIO) : 0;
}
int sync_or_fail(int descriptor) noexcept {
  const int result = sync_or_fail();
  if (result == 0) tell_watcher([&](FileWatcher& told) { told.synced(descriptor); });
  return result;
}

// Without what makes each write wait for the disk.
int open_unsynced(const char* path, int flags, mode_t mode) noexcept {
  constexpr int kWaits = O_SYNC | O_DSYNC;
  const bool is_created =
      watcher.load() != nullptr && (flags & O_CREAT) != 0 && ::faccessat(AT_FDCWD, path, F_OK, 0) != 0;
  const auto descriptor = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags & ~kWaits, mode));
  if (descriptor >= 0 && static_cast<std::size_t>(descriptor) < is_synchronous.size()) {
    is_synchronous[static_cast<std::size_t>(descriptor)] = (flags & kWaits) != 0;
  }
  if (descriptor >= 0 && is_created) tell_watcher([&](FileWatcher& told) { told.created(path); });
  return descriptor;
}

ssize_t write_now(int descriptor, const void* bytes, std::size_t size) noexcept {
  return ::syscall(SYS_write, descriptor, bytes, size);
}
ssize_t write_now(int descriptor, const void* bytes, std::size_t size, off_t offset) noexcept {
  return ::syscall(SYS_pwrite64, descriptor, bytes, size, offset);
}
ssize_t write_now(int descriptor, const iovec* parts, int count) noexcept {
  return ::syscall(SYS_writev, descriptor, parts, count);
}
ssize_t write_now(int descriptor, const iovec* parts, int count, off_t offset) noexcept {
  return ::syscall(SYS_pwritev, descriptor, parts, count, offset, 0);
}

template <class... Offset>
ssize_t write_bytes(int descriptor, const void* bytes, std::size_t size, Offset... offset) noexcept {
  const std::uint64_t at = place_of(descriptor, offset...);
  const ssize_t written = write_or_fail(
      descriptor, [&] { return write_now(descriptor, bytes, size, offset...); },
      [&] { return write_now(descriptor, bytes, size / 2, offset...); });
  const iovec part{const_cast<void*>(bytes), size};
  tell_of_write(descriptor, at, &part, 1, written);
  return written;
}

template <class... Offset>
ssize_t write_parts(int descriptor, const iovec* parts, int count, Offset... offset) noexcept {
  const std::uint64_t at = place_of(descriptor, offset...);
  const ssize_t written = write_or_fail(
      descriptor, [&] { return write_now(descriptor, parts, count, offset...); },
      [&] {
        return count > 1 ? write_now(descriptor, parts, count / 2, offset...)
                         : write_now(descriptor, parts->iov_base, parts->iov_len / 2, offset...);
      });
  tell_of_write(descriptor, at, parts, count, written);
  return written;
}

ssize_t truncate_or_fail(int descriptor, off_t size) noexcept {
  const auto all = [&] { return ::syscall(SYS_ftruncate, descriptor, size); };
  const ssize_t result = write_or_fail(descriptor, all, [] { return fail<ssize_t>(EIO); });
  if (result == 0) {
    tell_watcher([&](FileWatcher& told) { told.truncated(descriptor, static_cast<std::uint64_t>(size)); });
  }
  return result;
}

}  // namespace

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::write_error:
      return "write_error";
    case Fault::disk_full:
      return "disk_full";
    case Fault::short_write:
      return "short_write";
    case Fault::late_write:
      return "late_write";
    case Fault::sync_error:
      return "sync_error";
    case Fault::allocation:
      return "allocation";
  }
  return {};
}

std::string_view name_of(Duration duration) {
  return duration == Duration::once ? "once" : "from_then_on";
}

void watch_files(FileWatcher* told) noexcept {
  const std::lock_guard lock(watcher_mutex);
  watcher = told;
}

void arm(Fault fault, std::uint64_t nth, Duration duration) noexcept {
  armed_fault = fault;
  armed_nth = nth;
  armed_duration = duration;
  calls = 0;
  failed = 0;
  synchronous_writes = 0;
  is_armed = true;
}

Struck disarm() noexcept {
  is_armed = false;
  return {calls, failed, synchronous_writes};
}

}  // namespace piecemark::testing

using namespace piecemark::testing;

PIECEMARK_INTERPOSED ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  return write_bytes(descriptor, bytes, size);
}
PIECEMARK_INTERPOSED ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return write_bytes(descriptor, bytes, size, offset);
}
PIECEMARK_INTERPOSED ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  return write_bytes(descriptor, bytes, size, offset);
}
PIECEMARK_INTERPOSED ssize_t writev(int descriptor, const iovec* parts, int count) {
  return write_parts(descriptor, parts, count);
}
PIECEMARK_INTERPOSED ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  return write_parts(descriptor, parts, count, offset);
}
PIECEMARK_INTERPOSED ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t offset) {
  return write_parts(descriptor, parts, count, offset);
}
PIECEMARK_INTERPOSED int ftruncate(int descriptor, off_t size) noexcept {
  return static_cast<int>(truncate_or_fail(descriptor, size));
}
PIECEMARK_INTERPOSED int ftruncate64(int descriptor, off64_t size) noexcept {
  return static_cast<int>(truncate_or_fail(descriptor, size));
}

// Nobody cuts the power here: what is written counts as durable, and syncs that do not fail do nothing.
PIECEMARK_INTERPOSED int fsync(int descriptor) {
  return sync_or_fail(descriptor);
}
PIECEMARK_INTERPOSED int fdatasync(int descriptor) {
  return sync_or_fail(descriptor);
}
PIECEMARK_INTERPOSED int msync(void* /*start*/, std::size_t /*size*/, int /*flags*/) {
  return sync_or_fail();
}
PIECEMARK_INTERPOSED int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const bool is_made = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = is_made ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_unsynced(path, flags, mode);
}

PIECEMARK_INTERPOSED int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                                   unsigned flags) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
  if (result == 0) tell_watcher([&](FileWatcher& told) { told.renamed(from, to); });
  return result;
}
PIECEMARK_INTERPOSED int rename(const char* from, const char* to) noexcept {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
PIECEMARK_INTERPOSED int unlink(const char* path) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_unlink, path));
  if (result == 0) tell_watcher([&](FileWatcher& told) { told.removed(path); });
  return result;
}

bool piecemark::testing::runs_under_sanitizer() noexcept {
#ifdef PIECEMARK_SANITIZER_OWNS_MALLOC
  return true;
#else
  return false;
#endif
}

#ifndef PIECEMARK_SANITIZER_OWNS_MALLOC

// The C library's own, under the names that it keeps for programs like this.
extern "C" void* __libc_malloc(std::size_t size) noexcept;
extern "C" void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
extern "C" void* __libc_realloc(void* block, std::size_t size) noexcept;
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;

namespace {

bool is_out_of_memory() noexcept {
  if (strike(Call::allocation) == 0) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

PIECEMARK_INTERPOSED void* malloc(std::size_t size) noexcept {
  return is_out_of_memory() ? nullptr : __libc_malloc(size);
}
PIECEMARK_INTERPOSED void* calloc(std::size_t count, std::size_t size) noexcept {
  return is_out_of_memory() ? nullptr : __libc_calloc(count, size);
}
PIECEMARK_INTERPOSED void* realloc(void* block, std::size_t size) noexcept {
  return is_out_of_memory() ? nullptr : __libc_realloc(block, size);
}
PIECEMARK_INTERPOSED void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return is_out_of_memory() ? nullptr : __libc_memalign(alignment, size);
}
PIECEMARK_INTERPOSED int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  if (is_out_of_memory()) return ENOMEM;
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

#else

// All of them, so that none of the sanitizer's own is paired with one of these.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return strike(Call::allocation) > 0 ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* block = operator new(size, std::nothrow)) return block;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t /*size*/) noexcept {
  std::free(block);
}
void operator delete[](void* block, const std::nothrow_t& /*tag*/) noexcept {
  std::free(block);
}

#endif
