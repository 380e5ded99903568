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
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PIECEMARK_SANITIZER_OWNS_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PIECEMARK_SANITIZER_OWNS_MALLOC
#endif
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

// Writes, or does not, as the armed fault will have it.
template <class All, class Half>
ssize_t write_or_fail(int descriptor, const All& all, const Half& half) noexcept {
  if (is_armed.load() && static_cast<std::size_t>(descriptor) < is_synchronous.size() &&
      is_synchronous[static_cast<std::size_t>(descriptor)]) {
    ++synchronous_writes;
  }
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

// Without what makes each write wait for the disk.
int open_unsynced(const char* path, int flags, mode_t mode) noexcept {
  constexpr int kWaits = O_SYNC | O_DSYNC;
  const auto descriptor = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags & ~kWaits, mode));
  if (descriptor >= 0 && static_cast<std::size_t>(descriptor) < is_synchronous.size()) {
    is_synchronous[static_cast<std::size_t>(descriptor)] = (flags & kWaits) != 0;
  }
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
  return write_or_fail(
      descriptor, [&] { return write_now(descriptor, bytes, size, offset...); },
      [&] { return write_now(descriptor, bytes, size / 2, offset...); });
}

template <class... Offset>
ssize_t write_parts(int descriptor, const iovec* parts, int count, Offset... offset) noexcept {
  return write_or_fail(
      descriptor, [&] { return write_now(descriptor, parts, count, offset...); },
      [&] {
        return count > 1 ? write_now(descriptor, parts, count / 2, offset...)
                         : write_now(descriptor, parts->iov_base, parts->iov_len / 2, offset...);
      });
}

ssize_t truncate_or_fail(int descriptor, off_t size) noexcept {
  const auto all = [&] { return ::syscall(SYS_ftruncate, descriptor, size); };
  return write_or_fail(descriptor, all, [] { return fail<ssize_t>(EIO); });
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
PIECEMARK_INTERPOSED int fsync(int /*descriptor*/) {
  return sync_or_fail();
}
PIECEMARK_INTERPOSED int fdatasync(int /*descriptor*/) {
  return sync_or_fail();
}
PIECEMARK_INTERPOSED int msync(void* /*start*/, std::size_t /*size*/, int /*flags*/) {
  return sync_or_fail();
}
PIECEMARK_INTERPOSED int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_unsynced(path, flags, mode);
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
