#include "reader_slots.h"

#include <lmdb.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <sstream>

#include "lmdb_error.h"

namespace piecemark::engine {
namespace {

using OldestSnapshots = std::map<std::uint64_t, std::uint64_t>;  // by process

// LMDB tells of its table of readers in lines of text: process, thread, and the number of the snapshot, or "-".
int add_reader(const char* line, void* to) {
  std::istringstream words(line);
  std::uint64_t process = 0;
  std::string thread;
  if (!(words >> process >> thread)) return 0;  // The heading.
  std::uint64_t snapshot = 0;
  if (!(words >> snapshot)) snapshot = UINT64_MAX;
  const auto [known, is_new] = static_cast<OldestSnapshots*>(to)->try_emplace(process, snapshot);
  if (!is_new) known->second = std::min(known->second, snapshot);
  return 0;
}

// The heading is a line as well, or the word that there are none.
int count_reader(const char* line, void* to) {
  if (std::isdigit(static_cast<unsigned char>(line[std::strspn(line, " ")])) != 0)
    ++*static_cast<unsigned*>(to);
  return 0;
}

// The processes of all snapshots, each as often as it has one open.
int add_snapshot(const char* line, void* to) {
  std::istringstream words(line);
  std::uint64_t process = 0;
  std::string thread;
  std::uint64_t snapshot = 0;
  if (words >> process >> thread >> snapshot)
    static_cast<std::vector<std::uint32_t>*>(to)->push_back(static_cast<std::uint32_t>(process));
  return 0;
}

OldestSnapshots oldest_snapshots(const Map& map) {
  OldestSnapshots oldest;
  mdb_reader_list(map.handle(), add_reader, &oldest);
  return oldest;
}

}  // namespace

bool ReaderSlots::has_slots(const Map& map, std::uint32_t process_id) {
  return oldest_snapshots(map).contains(process_id);
}

// LMDB tells how many slots were ever in use at the same time, which says enough until that were many. Then they have to be
// counted, which takes as long as thousands of snapshots: once for a while.
void ReaderSlots::add() {
  constexpr unsigned kFew =
      16;  // So many of each process do no harm: there are slots for 128 processes more.
  static_assert(kReadersMax + 128 * kFew <= kReaderSlots);
  const unsigned own = own_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (own <= kFew) return;
  if (own <= kReadersOfProcessMax && (is_granted(own) || has_room_for(own))) return;
  remove();
  throw Error(ErrorCode::busy, {"cannot read from '" + path_ + "'",
                                std::to_string(own - 1) + " snapshots that this process has open" +
                                    (own <= kReadersOfProcessMax ? ", and those of other processes" : "") +
                                    ": more would keep other processes out",
                                std::to_string(kReadersOfProcessMax) + " in a process, " +
                                    std::to_string(kReadersMax) + " in all",
                                "end those that are no longer needed"});
}

bool ReaderSlots::is_granted(unsigned own) const {
  return own <= granted_.load(std::memory_order_relaxed) &&
         os::now_microseconds() - granted_at_.load(std::memory_order_relaxed) < kGrantMicroseconds;
}

// Whether this process may have so many. For a while it may then have a few more.
bool ReaderSlots::has_room_for(unsigned own) {
  constexpr unsigned kMore = 16;
  const Map::Visit visit(map_);
  if (map_.readers() < kReadersMax) return true;
  clear_dead();
  unsigned used = 0;
  mdb_reader_list(map_.handle(), count_reader, &used);
  if (used >= kReadersMax) return false;
  granted_.store(own + std::min(kMore, kReadersMax - used - 1), std::memory_order_relaxed);
  granted_at_.store(os::now_microseconds(), std::memory_order_relaxed);
  return true;
}

std::uint32_t ReaderSlots::count_living() const {
  std::vector<std::uint32_t> processes;
  mdb_reader_list(map_.handle(), add_snapshot, &processes);
  const auto lives = [&](std::uint32_t process) {
    return !lock_file_ || lock_file_.is_reader_locked(process);
  };
  return static_cast<std::uint32_t>(std::count_if(processes.begin(), processes.end(), lives));
}

std::vector<LongReader> ReaderSlots::long_readers(const ReadTransaction& transaction,
                                                  const CommitClock& clock, std::uint64_t limit_ms) const {
  const std::int64_t now = os::now_microseconds();
  std::vector<LongReader> readers;
  for (const auto& [process, snapshot] : oldest_snapshots(map_)) {
    const auto superseded = clock.superseded_at(snapshot, transaction.id());
    if (!superseded) continue;
    const auto age_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(now - superseded->microseconds, 0) / 1000);
    if (age_ms >= limit_ms) readers.push_back({process, age_ms, transaction.bytes_freed_after(snapshot)});
  }
  return readers;
}

void ReaderSlots::clear_dead() {
  if (!lock_file_) return;
  lock_file_.restore_own_locks();
  for (const auto& [process, snapshot] : oldest_snapshots(map_)) {
    const auto id = static_cast<std::uint32_t>(process);
    if (id != os::process_id() && !lock_file_.is_reader_locked(id) && locks_.is_open_in(id)) return;
  }
  int dead = 0;
  check(mdb_reader_check(map_.handle(), &dead), "cannot clear dead readers of '" + path_ + "'", path_);
}

// A look at the slot of each reader, which asks the system for each process: not for every transaction.
void ReaderSlots::clear_dead_now_and_then() {
  constexpr std::int64_t kPauseMicroseconds = 1'000'000;
  const std::int64_t now = os::now_microseconds();
  const std::int64_t passed = now - cleared_dead_.load(std::memory_order_relaxed);
  if (passed >= 0 && passed < kPauseMicroseconds) return;
  clear_dead();
  cleared_dead_.store(now, std::memory_order_relaxed);
}

}  // namespace piecemark::engine
