#include "file_locks.h"

#include <algorithm>
#include <thread>

#include "lmdb_error.h"
#include "record.h"

namespace piecemark::engine {
namespace {

// Beyond the end of every file; each lock has a region of its own.
constexpr std::uint64_t kFirstRegion = std::uint64_t{1} << 62;
constexpr std::uint64_t kRegionSize = std::uint64_t{1} << 48;
// The region behind those of the locks: of lock files.
constexpr std::uint64_t kLockFileRegion = kFirstRegion + kFileLocks.size() * kRegionSize;

constexpr unsigned kProcessBits = 22;  // Linux has no greater ids.
constexpr unsigned kNamespaceBits = 16;

os::ByteRange region_of(FileLock lock) {
  return {kFirstRegion + static_cast<std::uint64_t>(lock) * kRegionSize, kRegionSize};
}

// Every process has one byte in the region of `open`, those with one id lie together.
os::ByteRange open_range(std::uint32_t process_id) {
  return {region_of(FileLock::open).begin + (std::uint64_t{process_id} << kNamespaceBits),
          std::uint64_t{1} << kNamespaceBits};
}

// Ranges of the other locks begin at the same byte, so that any two overlap, and end where their process says.
os::ByteRange range_of(FileLock lock, const ProcessIdentity& process) {
  if (lock == FileLock::open) return {open_range(process.id).begin + process.name_space, 1};
  return {region_of(lock).begin, (std::uint64_t{process.name_space} << kProcessBits | process.id) + 1};
}

ProcessIdentity process_of(FileLock lock, const os::ByteRange& range) {
  if (lock == FileLock::open) {
    const std::uint64_t at = range.begin - region_of(lock).begin;
    return {static_cast<std::uint32_t>(at >> kNamespaceBits), static_cast<std::uint16_t>(at)};
  }
  const std::uint64_t code = range.size - 1;
  return {static_cast<std::uint32_t>(code & ((std::uint64_t{1} << kProcessBits) - 1)),
          static_cast<std::uint16_t>(code >> kProcessBits)};
}

class RealLockSystem final : public LockSystem {
 public:
  std::error_code try_lock(int descriptor, const os::ByteRange& range, os::LockMode mode) override {
    return os::try_lock(descriptor, range, mode);
  }
  void unlock(int descriptor, const os::ByteRange& range) noexcept override { os::unlock(descriptor, range); }
  std::optional<os::ByteRange> conflicting_lock(int descriptor, const os::ByteRange& range,
                                                os::LockMode mode) override {
    return os::conflicting_lock(descriptor, range, mode);
  }
  Deadline now() override { return std::chrono::steady_clock::now(); }
  void wait(const std::atomic<std::uint32_t>* changes, std::uint32_t seen,
            std::chrono::microseconds time) override {
    if (changes != nullptr) return os::wait_for_change(*changes, seen, time);
    std::this_thread::sleep_for(time);
  }
  void wake(const std::atomic<std::uint32_t>& changes) noexcept override { os::wake_all(changes); }
};

// Released with the object.
class Held {
 public:
  Held(FileLocks& locks, FileLock lock) : locks_(locks), lock_(lock) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { locks_.release(lock_); }

 private:
  FileLocks& locks_;
  FileLock lock_;
};

// Counted among those who wait.
class Waiter {
 public:
  explicit Waiter(const LockSignal& signal) : signal_(signal) {
    if (signal_.waiters != nullptr) signal_.waiters->fetch_add(1);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (signal_.waiters != nullptr) signal_.waiters->fetch_sub(1);
  }
  std::uint32_t changes() const { return signal_.changes != nullptr ? signal_.changes->load() : 0; }

 private:
  LockSignal signal_;
};

}  // namespace

ProcessIdentity ProcessIdentity::own() {
  return {os::process_id(), os::process_namespace()};
}

std::string ProcessIdentity::to_string() const {
  const std::string process = "process " + std::to_string(id);
  if (name_space != os::process_namespace()) return process + " of another PID namespace (a container)";
  const std::string name = os::process_name(id);
  return name.empty() ? process : process + " (" + name + ")";
}

LockSystem& LockSystem::real() {
  static auto& system =
      *new RealLockSystem;  // Never destroyed: stores may live until the very end of the process.
  return system;
}

bool FileLocks::try_lock(const os::ByteRange& range, os::LockMode mode) {
  const std::error_code error = system_->try_lock(descriptor_, range, mode);
  if (!error) return true;
  if (error == std::errc::resource_unavailable_try_again) return false;
  throw_system_error(error, "cannot lock '" + path_ + "'", path_);
}

bool FileLocks::try_acquire(FileLock lock, os::LockMode mode) {
  return try_lock(range_of(lock, own_), mode);
}

template <class Attempt>
bool FileLocks::wait_until(Deadline deadline, const OnWait& on_wait, const Attempt& attempt) {
  if (attempt()) return true;
  // What is not signalled: a process that ends, and those who have no signal.
  const auto pause_max = std::chrono::microseconds(signal_.changes != nullptr ? 20'000 : 2'000);
  auto pause = std::chrono::microseconds(signal_.changes != nullptr ? 20'000 : 100);
  const Waiter waiter(signal_);
  for (;;) {
    const std::uint32_t seen = waiter.changes();
    if (attempt()) return true;
    const Deadline now = system_->now();
    if (now >= deadline) return false;
    if (on_wait) on_wait();
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - now);
    system_->wait(signal_.changes, seen, std::min(pause, left + std::chrono::microseconds(1)));
    pause = std::min(pause * 2, pause_max);
  }
}

bool FileLocks::acquire(FileLock lock, os::LockMode mode, Deadline deadline, const OnWait& on_wait) {
  return wait_until(deadline, on_wait, [&] { return try_acquire(lock, mode); });
}

void FileLocks::release(FileLock lock) noexcept {
  system_->unlock(descriptor_, region_of(lock));
  if (os::fork_generation() != fork_generation_)
    return;  // A forked child does not have the memory of the signal.
  if (signal_.waiters == nullptr || signal_.waiters->load() == 0) return;
  signal_.changes->fetch_add(1);
  system_->wake(*signal_.changes);
}

bool FileLocks::acquire_write(Deadline deadline, const OnWait& on_wait) {
  if (!acquire(FileLock::pending, os::LockMode::exclusive, deadline, on_wait)) return false;
  const Held pending(*this, FileLock::pending);
  return acquire(FileLock::write, os::LockMode::exclusive, deadline, on_wait);
}

bool FileLocks::try_acquire_write() {
  if (!try_acquire(FileLock::pending, os::LockMode::exclusive)) return false;
  const Held pending(*this, FileLock::pending);
  return try_acquire(FileLock::write, os::LockMode::exclusive);
}

bool FileLocks::share_write(Deadline deadline) {
  if (!acquire(FileLock::pending, os::LockMode::shared, deadline)) return false;
  const Held pending(*this, FileLock::pending);
  return acquire(FileLock::write, os::LockMode::shared, deadline);
}

std::optional<ProcessIdentity> FileLocks::holder(FileLock lock, os::LockMode mode) const {
  const auto range = system_->conflicting_lock(descriptor_, region_of(lock), mode);
  return range ? std::optional(process_of(lock, *range)) : std::nullopt;
}

bool FileLocks::is_open_in(std::uint32_t process_id) const {
  return system_->conflicting_lock(descriptor_, open_range(process_id), os::LockMode::exclusive).has_value();
}

bool FileLocks::share_lock_file(const os::FileId& lock_file) {
  const std::uint64_t hash = hash_of({reinterpret_cast<const char*>(&lock_file), sizeof lock_file});
  const std::uint64_t at = kLockFileRegion + 1 + hash % (kRegionSize - 2);
  if (!try_lock({at, 1}, os::LockMode::shared)) return false;
  for (const os::ByteRange others : {os::ByteRange{kLockFileRegion, at - kLockFileRegion},
                                     os::ByteRange{at + 1, kLockFileRegion + kRegionSize - at - 1}}) {
    if (!system_->conflicting_lock(descriptor_, others, os::LockMode::exclusive)) continue;
    system_->unlock(descriptor_, {at, 1});
    return false;
  }
  return true;
}

}  // namespace piecemark::engine
