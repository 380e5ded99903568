#include "os.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace piecemark::engine::os {
namespace {

std::error_code last_error() {
  return {errno, std::generic_category()};
}

FileFacts facts_from(const struct stat& status) {
  return {
      .id = {.device = status.st_dev, .inode = status.st_ino},
      .size_bytes = static_cast<std::uint64_t>(status.st_size),
      .names = status.st_nlink,
      .permissions = status.st_mode & 0777U,
      .has_special_bits = (status.st_mode & 07000U) != 0,
      .owner = status.st_uid,
      .group = status.st_gid,
      .modified_ns = status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec,
      .is_regular = S_ISREG(status.st_mode),
      .is_directory = S_ISDIR(status.st_mode),
  };
}

// What a forked child has to know and do. Only async-signal-safe calls are allowed in the child's handler, so
// the descriptors lie in a fixed array of atomics.
class ForkWatch {
 public:
  // Takes no memory, so that it cannot fail. Never destroyed: stores may be closed at the very end of the process.
  static ForkWatch& instance() noexcept {
    static_assert(std::is_trivially_destructible_v<ForkWatch>);
    static ForkWatch watch;
    return watch;
  }

  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // False where there is no room.
  bool add(int descriptor) {
    for (auto& slot : descriptors_) {
      int empty = -1;
      if (slot.compare_exchange_strong(empty, descriptor)) return true;
    }
    return false;
  }

  // For as long as it is held, other threads wait before they fork.
  std::unique_lock<std::mutex> hold_off() { return std::unique_lock(fork_); }

  // False in a child, which has closed it.
  bool remove(int descriptor) {
    for (auto& slot : descriptors_) {
      int expected = descriptor;
      if (slot.compare_exchange_strong(expected, -1)) return true;
    }
    return false;
  }

 private:
  ForkWatch() {
    for (auto& slot : descriptors_) slot.store(-1);
    pthread_atfork([] { instance().fork_.lock(); }, [] { instance().fork_.unlock(); },
                   [] { instance().in_child(); });
  }

  void in_child() {
    generation_.fetch_add(1);
    for (auto& slot : descriptors_) {
      const int descriptor = slot.exchange(-1);
      if (descriptor >= 0) ::close(descriptor);
    }
    fork_.unlock();
  }

  std::mutex fork_;
  std::atomic<std::uint64_t> generation_{0};
  std::array<std::atomic<int>, 4096> descriptors_;
};

}  // namespace

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      is_closed_in_child_(std::exchange(other.is_closed_in_child_, false)) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    is_closed_in_child_ = std::exchange(other.is_closed_in_child_, false);
  }
  return *this;
}

File::~File() {
  close();
}

void File::close() noexcept {
  if (descriptor_ < 0) return;
  if (!std::exchange(is_closed_in_child_, false)) {
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  const auto no_forks = ForkWatch::instance().hold_off();
  if (ForkWatch::instance().remove(descriptor_)) ::close(descriptor_);
  descriptor_ = -1;
}

std::error_code open_to_lock(File& file, const std::function<std::error_code(File&)>& open) {
  File opened;
  {
    const auto no_forks = ForkWatch::instance().hold_off();
    if (const auto error = open(opened)) return error;
    opened.is_closed_in_child_ = ForkWatch::instance().add(opened.descriptor_);
  }
  file = std::move(opened);
  return {};
}

std::error_code open_file(const std::string& path, Access access, File& file) {
  const int flags = (access == Access::read ? O_RDONLY : O_RDWR) | O_CLOEXEC;
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code open_to_write(const std::string& path, File& file) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code facts_of(const std::string& path, FileFacts& facts) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return last_error();
  facts = facts_from(status);
  return {};
}

std::error_code facts_of_link(const std::string& path, FileFacts& facts) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return last_error();
  facts = facts_from(status);
  return {};
}

std::error_code facts_of(const File& file, FileFacts& facts) {
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) return last_error();
  facts = facts_from(status);
  return {};
}

std::uint64_t names_of(const File& file) {
  FileFacts facts;
  return facts_of(file, facts) ? 0 : facts.names;
}

std::error_code may_create_in(const std::string& folder) {
  FileFacts facts;
  if (auto error = facts_of(folder, facts)) return error;
  if (!facts.is_directory) return std::make_error_code(std::errc::not_a_directory);
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? std::error_code()
                                                                             : last_error();
}

bool can_create_in(const std::string& folder) {
  return !may_create_in(folder);
}

bool can_write_or_create(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return true;
  return errno == ENOENT && can_create_in(folder_of(path));
}

bool can_replace(const std::string& path) {
  const std::string folder = folder_of(path);
  struct stat of_folder {};
  struct stat of_file {};
  if (!can_create_in(folder)) return false;
  if (::stat(folder.c_str(), &of_folder) != 0 || (of_folder.st_mode & S_ISVTX) == 0) return true;
  const uid_t user = ::geteuid();
  if (user == 0 || user == of_folder.st_uid) return true;
  return ::lstat(path.c_str(), &of_file) != 0 || of_file.st_uid == user;
}

bool acts_for_owner(const File& file) {
  FileFacts facts;
  return ::geteuid() == 0 || (!facts_of(file, facts) && facts.owner == ::geteuid());
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

namespace {

std::optional<std::string> target_of_link(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  std::string to(target.data(), static_cast<std::size_t>(size));
  return to.starts_with('/') ? to : folder_of(path) + "/" + to;
}

// As many links as the system follows.
constexpr int kLinksMax = 40;

}  // namespace

std::string end_of_links(const std::string& path) {
  std::string at = path;
  for (int link = 0; link < kLinksMax; ++link) {
    auto to = target_of_link(at);
    if (!to) return at;
    at = std::move(*to);
  }
  return path;
}

std::optional<int> stream_named(const std::string& path) {
  const std::string own_folder = "/proc/" + std::to_string(::getpid()) + "/fd/";
  std::string at = path;
  for (int link = 0; link < kLinksMax; ++link) {
    for (const std::string_view folder :
         {std::string_view("/dev/fd/"), std::string_view("/proc/self/fd/"),
          std::string_view("/proc/thread-self/fd/"), std::string_view(own_folder)}) {
      int descriptor = -1;
      if (!at.starts_with(folder)) continue;
      const char* const end = at.data() + at.size();
      const auto [behind, error] = std::from_chars(at.data() + folder.size(), end, descriptor);
      if (error == std::errc() && behind == end) return descriptor;
    }
    auto to = target_of_link(at);
    if (!to) return std::nullopt;
    at = std::move(*to);
  }
  return std::nullopt;
}

std::error_code read_at(const File& file, std::uint64_t offset, std::span<char> into,
                        std::size_t& read_bytes) {
  read_bytes = 0;
  while (read_bytes < into.size()) {
    const ssize_t got = ::pread(file.descriptor(), into.data() + read_bytes, into.size() - read_bytes,
                                static_cast<off_t>(offset + read_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return last_error();
    if (got == 0) break;
    read_bytes += static_cast<std::size_t>(got);
  }
  return {};
}

void read_ahead(const File& file, std::uint64_t offset, std::uint64_t bytes) {
  // What cannot be read ahead is read when its time comes.
  static_cast<void>(::posix_fadvise(file.descriptor(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                                    POSIX_FADV_WILLNEED));
}

std::error_code copy_bytes(const File& from, const File& to, std::uint64_t bytes) {
  if (::ioctl(to.descriptor(), FICLONE, from.descriptor()) == 0) return {};
  off_t source = 0;
  off_t target = 0;
  while (static_cast<std::uint64_t>(source) < bytes) {
    const ssize_t copied = ::copy_file_range(from.descriptor(), &source, to.descriptor(), &target,
                                             bytes - static_cast<std::uint64_t>(source), 0);
    if (copied == 0) return {};
    if (copied < 0 && errno != EINTR) break;
  }
  std::vector<char> buffer(std::size_t{1} << 20);
  while (static_cast<std::uint64_t>(source) < bytes) {
    const auto at = static_cast<std::uint64_t>(source);
    std::size_t got = 0;
    if (auto error =
            read_at(from, at, {buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes - at)}, got))
      return error;
    if (got == 0) break;
    if (auto error = write_at(to, at, {buffer.data(), got})) return error;
    source += static_cast<off_t>(got);
  }
  return {};
}

bool is_on_read_only_file_system(const File& file) {
  struct statvfs status {};
  return ::fstatvfs(file.descriptor(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

std::error_code read_next(const File& file, std::span<char> into, std::size_t& read_bytes) {
  for (;;) {
    const ssize_t got = ::read(file.descriptor(), into.data(), into.size());
    if (got >= 0) {
      read_bytes = static_cast<std::size_t>(got);
      return {};
    }
    if (errno != EINTR) return last_error();
  }
}

File duplicate(int descriptor) {
  return File(::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

File standard_input() {
  return duplicate(STDIN_FILENO);
}

void write_in_handler(std::string_view text) noexcept {
  const int before = errno;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  errno = before;
}

void remove_in_handler(const char* path) noexcept {
  const int before = errno;
  ::unlink(path);
  errno = before;
}

std::error_code write_next(const File& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.descriptor(), bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = file.descriptor(), .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return last_error();
    } else if (errno != EINTR) {
      return last_error();
    }
  }
  return {};
}

std::optional<std::uint64_t> place_of(const File& file) {
  const off_t place = ::lseek(file.descriptor(), 0, SEEK_CUR);
  return place < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(place));
}

std::error_code go_to(const File& file, std::uint64_t place) {
  return ::lseek(file.descriptor(), static_cast<off_t>(place), SEEK_SET) < 0 ? last_error()
                                                                             : std::error_code();
}

std::error_code set_size(const File& file, std::uint64_t bytes) {
  return ::ftruncate(file.descriptor(), static_cast<off_t>(bytes)) == 0 ? std::error_code() : last_error();
}

void open_missing_standard_streams() {
  // Takes the lowest number that is free. What is written to a stream that was closed fails, as it would have.
  for (int descriptor = 0; descriptor >= 0 && descriptor <= STDERR_FILENO;) {
    descriptor = ::open("/dev/null", O_RDONLY);
    if (descriptor > STDERR_FILENO) ::close(descriptor);
  }
}

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) != 0;
}

std::error_code sync_file(const std::string& path) {
  File file;
  if (auto error = open_file(path, Access::read, file)) return error;
  return ::fsync(file.descriptor()) == 0 ? std::error_code() : last_error();
}

std::error_code sync_data(const File& file) {
  return ::fdatasync(file.descriptor()) == 0 ? std::error_code() : last_error();
}

std::error_code sync_folder(const std::string& folder) {
  return sync_file(folder);
}

std::error_code set_permissions(const File& file, std::uint32_t permissions) {
  return ::fchmod(file.descriptor(), static_cast<mode_t>(permissions)) == 0 ? std::error_code()
                                                                            : last_error();
}

std::error_code set_owner(const File& file, std::uint32_t owner, std::uint32_t group) {
  FileFacts facts;
  if (auto error = facts_of(file, facts)) return error;
  if (facts.owner == owner && facts.group == group) return {};
  return ::fchown(file.descriptor(), owner, group) == 0 ? std::error_code() : last_error();
}

namespace {

constexpr const char* kAccessList = "system.posix_acl_access";

}  // namespace

// The list is a version (4), then entries: tag (2), permissions (2), whose (4), little-endian.
std::optional<std::uint32_t> group_in_access_list(const File& file) {
  constexpr std::size_t kVersionBytes = 4;
  constexpr std::size_t kEntryBytes = 8;
  constexpr std::uint16_t kGroupItself = 0x04;
  std::array<char, 4096> list{};
  const ssize_t size = ::fgetxattr(file.descriptor(), kAccessList, list.data(), list.size());
  if (size < 0) return errno == ERANGE ? std::optional(0U) : std::nullopt;
  const auto end = static_cast<std::size_t>(size);
  for (std::size_t at = kVersionBytes; at + kEntryBytes <= end; at += kEntryBytes) {
    std::array<std::uint16_t, 2> entry{};
    std::memcpy(entry.data(), list.data() + at, sizeof entry);
    if (entry[0] == kGroupItself) return entry[1];
  }
  return std::nullopt;
}

std::error_code remove_access_list(const File& file) {
  return ::fremovexattr(file.descriptor(), kAccessList) == 0 || errno == ENODATA ? std::error_code()
                                                                                 : last_error();
}

std::error_code rename_without_replacing(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return last_error();
  // The file system cannot rename that way: a hard link fails just the same where the name is taken.
  if (::link(from.c_str(), to.c_str()) != 0) return last_error();
  return ::unlink(from.c_str()) == 0 ? std::error_code() : last_error();
}

std::error_code rename_replacing(const std::string& from, const std::string& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? std::error_code() : last_error();
}

std::error_code add_name(const std::string& present, const std::string& added) {
  return ::link(present.c_str(), added.c_str()) == 0 ? std::error_code() : last_error();
}

std::error_code create_exclusively(const std::string& path, std::uint32_t permissions, File& file) {
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(permissions));
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code create_if_missing(const std::string& path, std::uint32_t permissions, File& file) {
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, static_cast<mode_t>(permissions));
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::uint32_t group_of_new_files(const std::string& folder) {
  struct stat status {};
  const bool is_of_folder = ::stat(folder.c_str(), &status) == 0 && (status.st_mode & S_ISGID) != 0;
  return is_of_folder ? status.st_gid : ::getegid();
}

std::error_code create_unnamed(const std::string& folder, File& file) {
  int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = folder + "/piecemark-XXXXXX";
    descriptor = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) ::unlink(name.c_str());
  }
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code create_in_memory(File& file) {
  const int descriptor = ::memfd_create("piecemark", MFD_CLOEXEC);
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code create_private_folder(const std::string& parent, std::string& path) {
  std::string name = parent + "/piecemark-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return last_error();
  path = std::move(name);
  return {};
}

void remove_folder_quietly(const std::string& path) {
  ::rmdir(path.c_str());
}

std::error_code add_symbolic_link(const std::string& to, const std::string& path) {
  return ::symlink(to.c_str(), path.c_str()) == 0 ? std::error_code() : last_error();
}

std::error_code write_at(const File& file, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file.descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return last_error();
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

void make_resident(char* begin, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto to = (reinterpret_cast<std::uintptr_t>(begin) + bytes) / page * page;
  // What fails here only makes the memory resident later.
  if (from < to)
    ::madvise(begin + (from - reinterpret_cast<std::uintptr_t>(begin)), to - from, MADV_POPULATE_WRITE);
#endif
}

std::error_code open_itself(const std::string& path, File& file) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return last_error();
  file = File(descriptor);
  return {};
}

std::error_code reserve_range(const File& file, std::uint64_t offset, std::uint64_t bytes) {
  if (::fallocate(file.descriptor(), 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0)
    return {};
  if (errno != EOPNOTSUPP) return last_error();
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) return last_error();
  if (static_cast<std::uint64_t>(status.st_size) >= offset + bytes) return {};
  return ::ftruncate(file.descriptor(), static_cast<off_t>(offset + bytes)) == 0 ? std::error_code()
                                                                                 : last_error();
}

void remove_quietly(const std::string& path) {
  ::unlink(path.c_str());
}

std::error_code remove_if_there(const std::string& path) {
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? std::error_code() : last_error();
}

std::vector<std::string> neighbours_of(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_of(path).c_str()), &::closedir);
  if (!folder) return names;
  while (const dirent* entry = ::readdir(folder.get())) names.emplace_back(entry->d_name);
  return names;
}

namespace {

struct flock lock_on(const ByteRange& range, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(range.begin);
  lock.l_len = static_cast<off_t>(range.size);
  return lock;
}

short type_of(LockMode mode) {
  return mode == LockMode::shared ? F_RDLCK : F_WRLCK;
}

std::error_code set_lock(int descriptor, int command, const ByteRange& range, LockMode mode) {
  struct flock lock = lock_on(range, type_of(mode));
  while (::fcntl(descriptor, command, &lock) != 0) {
    if (errno == EACCES) return std::make_error_code(std::errc::resource_unavailable_try_again);
    if (errno != EINTR) return last_error();
  }
  return {};
}

}  // namespace

std::error_code try_lock(int descriptor, const ByteRange& range, LockMode mode) {
  return set_lock(descriptor, F_OFD_SETLK, range, mode);
}

void unlock(int descriptor, const ByteRange& range) noexcept {
  struct flock lock = lock_on(range, F_UNLCK);
  ::fcntl(descriptor, F_OFD_SETLK, &lock);
}

std::optional<ByteRange> conflicting_lock(int descriptor, const ByteRange& range, LockMode mode) {
  struct flock lock = lock_on(range, type_of(mode));
  if (::fcntl(descriptor, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return ByteRange{static_cast<std::uint64_t>(lock.l_start), static_cast<std::uint64_t>(lock.l_len)};
}

std::error_code lock_for_process(int descriptor, const ByteRange& range, LockMode mode) {
  return set_lock(descriptor, F_SETLK, range, mode);
}

void wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen,
                     std::chrono::microseconds timeout) noexcept {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  const timespec time{timeout.count() / kMicroseconds, timeout.count() % kMicroseconds * 1000};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &time, nullptr, 0);
}

void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

std::error_code SharedMemory::map(const File& file, std::uint64_t offset, std::size_t size,
                                  SharedMemory& memory) {
  void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor(),
                            static_cast<off_t>(offset));
  if (data == MAP_FAILED) return last_error();
  ::madvise(data, size, MADV_DONTFORK);
  memory = {};
  memory.data_ = data;
  memory.size_ = size;
  return {};
}

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  // These tell of what the thread itself has done.
  for (const int own : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF})
    ::sigdelset(&all, own);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::uint32_t process_id() {
  return static_cast<std::uint32_t>(::getpid());
}

std::uint16_t process_namespace() {
  struct stat status {};
  if (::stat("/proc/self/ns/pid", &status) != 0) return 0;
  return static_cast<std::uint16_t>(status.st_ino ^ status.st_ino >> 16);
}

std::string process_name(std::uint32_t process_id) {
  std::ifstream comm("/proc/" + std::to_string(process_id) + "/comm");
  std::string name;
  std::getline(comm, name);
  return name;
}

std::uint64_t free_bytes(const std::string& path) {
  struct statvfs status {};
  std::uint64_t room = UINT64_MAX;
  if (::statvfs(folder_of(path).c_str(), &status) == 0)
    room = std::uint64_t{status.f_bavail} * status.f_frsize;
  rlimit limit{};
  FileFacts facts;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && !facts_of(path, facts)) {
    room = std::min<std::uint64_t>(
        room, limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, facts.size_bytes));
  }
  return room;
}

namespace {

struct Mount {
  std::string kind;
  std::string place;
};

// The list writes blanks and backslashes in names as three octal digits.
std::string without_escapes(std::string_view name) {
  constexpr std::size_t kDigits = 3;
  std::string plain;
  for (std::size_t at = 0; at < name.size(); ++at) {
    unsigned code = 0;
    const char* const digits = name.data() + at + 1;
    const bool is_escape = name[at] == '\\' && name.size() - at > kDigits &&
                           std::from_chars(digits, digits + kDigits, code, 8).ptr == digits + kDigits;
    plain += is_escape ? static_cast<char>(code) : name[at];
    if (is_escape) at += kDigits;
  }
  return plain;
}

bool is_below(std::string_view path, std::string_view folder) {
  return folder == "/" ||
         (path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/'));
}

// A line reads: "36 35 98:0 / /mnt rw,noatime shared:1 - fuse.sshfs host:/ rw". Later lines cover earlier ones.
std::optional<Mount> mount_of(const std::string& path) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::optional<Mount> found;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string word;
    std::string place;
    words >> word >> word >> word >> word >> place;
    while (words >> word && word != "-") {
    }
    place = without_escapes(place);
    std::string kind;
    if (words >> kind && is_below(path, place) && (!found || place.size() >= found->place.size()))
      found = {kind, place};
  }
  return found;
}

}  // namespace

std::string file_system_of(const std::string& path) {
  const auto mount = mount_of(resolved(folder_of(path)));
  return mount ? mount->kind + ", mounted on '" + mount->place + "'" : "an unknown one";
}

std::optional<std::string_view> network_file_system(const std::string& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return std::nullopt;
  switch (static_cast<std::uint32_t>(status.f_type)) {
    case 0x6969:
      return "NFS";
    case 0x517B:
      return "SMB";
    case 0xFF534D42:
      return "CIFS";
    case 0xFE534D42:
      return "SMB2";
    case 0x5346414F:
      return "AFS";
    case 0x00C36400:
      return "Ceph";
    default:
      return std::nullopt;
  }
}

std::uint64_t fork_generation() noexcept {
  return ForkWatch::instance().generation();
}
void fill_random(std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::getrandom(into.data() + done, into.size() - done, 0);
    if (got < 0 && errno != EINTR)
      std::terminate();  // Linux gives random bytes since 3.17, or the process cannot go on.
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace piecemark::engine::os
