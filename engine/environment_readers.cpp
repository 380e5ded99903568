// Who reads which snapshot, in all processes that have the file open.
#include <lmdb.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "environment.h"
#include "lmdb_error.h"

namespace piecemark::engine {
namespace {

using OldestSnapshots = std::map<std::uint64_t, std::uint64_t>;  // by process

// LMDB tells of its table of readers in lines of text: process, thread, and the number of the snapshot, or "-".
int add_reader(const char* line, void* to) {
  std::istringstream words(line);
  std::uint64_t process = 0;
  std::string thread;
  std::uint64_t snapshot = 0;
  if (words >> process >> thread >> snapshot) {
    const auto [known, is_new] = static_cast<OldestSnapshots*>(to)->try_emplace(process, snapshot);
    if (!is_new) known->second = std::min(known->second, snapshot);
  }
  return 0;
}

}  // namespace

std::vector<LongReader> Environment::long_readers(const ReadTransaction& transaction,
                                                  std::uint64_t limit_ms) const {
  OldestSnapshots oldest;
  mdb_reader_list(handle_, add_reader, &oldest);
  const CommitClock clock = clock_of(transaction);
  const std::int64_t now = os::now_microseconds();
  std::vector<LongReader> readers;
  for (const auto& [process, snapshot] : oldest) {
    const auto superseded = clock.superseded_at(snapshot, transaction.id());
    if (!superseded) continue;
    const auto age_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(now - superseded->microseconds, 0) / 1000);
    if (age_ms >= limit_ms) readers.push_back({process, age_ms, transaction.bytes_freed_after(snapshot)});
  }
  return readers;
}

void Environment::clear_dead_readers() {
  int dead = 0;
  check(mdb_reader_check(handle_, &dead), "cannot clear dead readers of '" + path_ + "'", path_);
}

// A look at the slot of each reader, which asks the system for each process: not for every transaction.
void Environment::clear_dead_readers_now_and_then() {
  constexpr std::int64_t kPauseMicroseconds = 1'000'000;
  const std::int64_t now = os::now_microseconds();
  const std::int64_t passed = now - cleared_dead_readers_.load(std::memory_order_relaxed);
  if (passed >= 0 && passed < kPauseMicroseconds) return;
  clear_dead_readers();
  cleared_dead_readers_.store(now, std::memory_order_relaxed);
}

}  // namespace piecemark::engine
