#include "shared_state.h"

namespace piecemark::engine {
namespace {

constexpr std::uint64_t kMagic = 0x316B636F6C4B4D50;  // "PMKlock1"

}  // namespace

std::error_code SharedState::map(const os::File& lock_file) {
  if (const auto error = os::reserve_range(lock_file, kOffset, kSize)) return error;
  return os::SharedMemory::map(lock_file, kOffset, kSize, memory_);
}

// The count of waiters stays: one that is too high, after a waiter was killed, costs a system call at each release.
void SharedState::reset() noexcept {
  words().mark_commit.store(0);
  words().mark_random.store(0);
  words().announced_commit.store(0);
  words().magic.store(kMagic);
}

LockSignal SharedState::lock_signal() const {
  return {.changes = &words().lock_changes, .waiters = &words().lock_waiters};
}

std::optional<CommitMark> SharedState::last_commit() const noexcept {
  const CommitMark mark{words().mark_commit.load(std::memory_order_acquire),
                        words().mark_random.load(std::memory_order_acquire)};
  if (mark.commit == 0 || words().mark_commit.load(std::memory_order_acquire) != mark.commit)
    return std::nullopt;
  return mark;
}

void SharedState::set_last_commit(const CommitMark& mark) noexcept {
  words().mark_commit.store(0);
  words().mark_random.store(mark.random);
  words().mark_commit.store(mark.commit);
}

}  // namespace piecemark::engine
