#include "shared_state.h"

#include <algorithm>

namespace piecemark::engine {
namespace {

constexpr std::uint64_t kSharedStateMagic = 0x316B636F6C4B4D50;  // "PMKlock1"

}  // namespace

std::error_code SharedState::map(const os::File& lock_file) {
  if (const auto error = os::reserve_range(lock_file, kOffset, kSize)) return error;
  return os::SharedMemory::map(lock_file, kOffset, kSize, memory_);
}

// The count of waiters stays: one that is too high, after a waiter was killed, costs a system call at each release.
void SharedState::reset() noexcept {
  words().told_commit.store(0);
  words().announced_commit.store(0);
  for (auto& random : words().random_of) random.store(0);
  for (auto& hash : words().meta_hash_of) hash.store(0);
  words().magic.store(kSharedStateMagic);
}

LockSignal SharedState::lock_signal() const {
  return {.changes = &words().lock_changes, .waiters = &words().lock_waiters};
}

void SharedState::announce(const CommitMark& mark) noexcept {
  words().random_of[mark.commit & 1].store(mark.random);
  words().meta_hash_of[mark.commit & 1].store(0);
  words().announced_commit.store(mark.commit);
}

void SharedState::announce_without_mark(std::uint64_t commit) noexcept {
  announce({commit, words().random_of[(commit - 1) & 1].load()});
}

void SharedState::tell(const CommitMark& mark, std::uint64_t meta_hash) noexcept {
  words().random_of[mark.commit & 1].store(mark.random);
  words().meta_hash_of[mark.commit & 1].store(meta_hash);
  words().told_commit.store(mark.commit);
}

std::optional<CommitFacts> SharedState::expected(std::uint64_t commit) const noexcept {
  for (;;) {
    const std::uint64_t told = words().told_commit.load();
    const std::uint64_t announced = words().announced_commit.load();
    if (told == 0) return CommitFacts{.commit = commit};
    if (commit < told || commit > std::max(told, announced)) return std::nullopt;
    const CommitFacts facts{commit, words().meta_hash_of[commit & 1].load(),
                            words().random_of[commit & 1].load()};
    if (words().told_commit.load() == told && words().announced_commit.load() == announced) return facts;
  }
}

std::optional<CommitMark> SharedState::last_commit() const noexcept {
  const std::uint64_t told = words().told_commit.load();
  if (told == 0 || words().announced_commit.load() != told) return std::nullopt;
  return CommitMark{told, words().random_of[told & 1].load()};
}

}  // namespace piecemark::engine
