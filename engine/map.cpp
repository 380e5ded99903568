#include "map.h"

#include <lmdb.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "lmdb_error.h"
#include "lmdb_path.h"
#include "lock_file.h"
#include "map_size.h"
#include "os.h"
#include "writer_thread.h"

namespace piecemark::engine {
namespace {

constexpr unsigned kTablesMax = 32;
constexpr unsigned kBaseFlags = MDB_NOSUBDIR | MDB_NOTLS;
constexpr mdb_mode_t kFileMode = 0664;

}  // namespace

UnsettledLockFile::UnsettledLockFile(const std::string& path, std::string found)
    : Error(ErrorCode::unsafe_lock_file, {"cannot open '" + path + "'",
                                          std::move(found),
                                          {},
                                          "end the programs that have it open, then open it again"}) {}

ProcessIdTaken::ProcessIdTaken(const std::string& attempted, const std::string& path)
    : Error(ErrorCode::busy,
            {"cannot " + attempted + " '" + path + "'",
             "a process of another PID namespace (a container) with the same process id, " +
                 std::to_string(os::process_id()) +
                 ", has it open, and LMDB tells readers apart by that number",
             {},
             "start this program again, so that it gets another process id, or close the file there"}) {}

void Map::open(const std::string& file, MapOptions options) {
  options_ = options;
  const std::string attempted = "cannot open '" + path_ + "'";
  check_opening(mdb_env_create(&handle_), attempted, path_);
  check_opening(mdb_env_set_maxdbs(handle_, kTablesMax), attempted, path_);
  // LMDB cuts the lock file to the size that this takes, where it makes it anew: that of all that lies in it.
  check_opening(mdb_env_set_maxreaders(handle_, kSlotsOfLmdb), attempted, path_);
  // A file larger than the map makes LMDB use the larger size by itself.
  check_opening(mdb_env_set_mapsize(handle_, usable_map_size(options.size_bytes)), attempted, path_);
  const unsigned flags =
      kBaseFlags | (options.read_only ? MDB_RDONLY : 0U) | (options.without_lock_file ? MDB_NOLOCK : 0U);
  const int code = options.without_lock_file ? mdb_env_open(handle_, file.c_str(), flags, kFileMode)
                                             : open_with_lock_file(file, flags, attempted);
  if (code == MDB_SUCCESS) return;
  close();
  // It is not the data file: that has been looked at.
  if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH)
    throw UnsettledLockFile(path_, "a lock file that is half made, or of another version of LMDB");
  check_opening(code, attempted, path_);
}

int Map::open_with_lock_file(const std::string& file, unsigned flags, const std::string& attempted) {
  const LmdbPath path(file, attempted);
  return mdb_env_open(handle_, path.get().c_str(), flags, kFileMode);
}

void Map::close() noexcept {
  if (handle_ != nullptr) mdb_env_close(std::exchange(handle_, nullptr));
}

void Map::enter() {
  for (;;) {
    inside_.fetch_add(1);
    if (!resizing_.load()) return;
    inside_.fetch_sub(1);
    const std::lock_guard wait(resize_mutex_);
  }
}

void Map::leave() noexcept {
  if (inside_.fetch_sub(1) == 1 && wants_larger_.load(std::memory_order_relaxed)) waited_in_vain_ = false;
}

// Sets the size of the map, once nobody is inside; false if that does not come to pass in time. The caller has not entered.
bool Map::try_resize(std::uint64_t bytes, std::uint32_t timeout_ms) {
  const std::lock_guard exclusive(resize_mutex_);
  const Deadline deadline = deadline_in(timeout_ms);
  resizing_.store(true);
  auto pause = std::chrono::microseconds(50);
  while (inside_.load() != 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(2000));
  }
  const bool is_alone = inside_.load() == 0;
  const int code = is_alone ? mdb_env_set_mapsize(handle_, usable_map_size(bytes)) : MDB_SUCCESS;
  if (is_alone) generation_.fetch_add(1);
  // LMDB unmaps before it maps: after a failure there is nothing to read from.
  if (code != MDB_SUCCESS) poison();
  resizing_.store(false);
  check(code, "cannot resize the map of '" + path_ + "'", path_);
  return is_alone;
}

MDB_txn* Map::begin(unsigned flags, const char* attempted, WriterThread* thread) {
  MDB_txn* transaction = nullptr;
  int code = MDB_SUCCESS;
  auto attempt = [&]() noexcept { code = mdb_txn_begin(handle_, nullptr, flags, &transaction); };
  const auto begin_on_thread = [&] {
    thread != nullptr ? thread->run(WriterThread::Kind::begin, attempt) : attempt();
  };
  begin_on_thread();
  while (code == MDB_MAP_RESIZED) {
    // What the file needs now, and as much again: the size that it notes may be more than this process can map.
    const std::uint64_t bytes = std::max(size_bytes(), 2 * bytes_used());
    leave();
    bool is_adopted = false;
    try {
      is_adopted = try_resize(bytes, options_.busy_timeout_ms);
    } catch (...) {
      enter();
      throw;
    }
    enter();
    if (!is_adopted) {
      throw Error(ErrorCode::busy,
                  {"cannot " + std::string(attempted) + " '" + path_ + "'",
                   "transactions of this process that stayed open for " +
                       in_seconds(options_.busy_timeout_ms) + ", while the file has outgrown its map",
                   {},
                   "end them and try again"});
    }
    begin_on_thread();
  }
  // Made on failure only: after a success nothing may throw, for nobody would end the transaction.
  if (code == EAGAIN || code == EACCES) {
    throw ProcessIdTaken(attempted, path_);
  }
  if (code != MDB_SUCCESS)
    throw lmdb_error(code, std::string("cannot ") + attempted + " '" + path_ + "'", path_);
  return transaction;
}

void Map::grow_if_needed() {
  constexpr std::uint32_t kPatienceMs = 1000;
  std::uint64_t size = 0;
  std::uint64_t used = 0;
  {
    const Visit visit(*this);  // Nobody may resize the map while LMDB looks into it.
    size = size_bytes();
    used = bytes_used();
  }
  if (wants_larger_.load()) {
    if (waited_in_vain_.load() && inside_.load() != 0) return;
    if (try_resize(size * 2, std::min(kPatienceMs, options_.busy_timeout_ms))) {
      wants_larger_ = false;
    } else {
      waited_in_vain_ = true;
    }
  } else if (used > size / 2 && inside_.load() == 0) {
    try_resize(size * 2, 0);
  }
}

Error Map::full_map(const std::string& attempted) const {
  // The transaction that met the end is one of them.
  const std::int64_t others = inside_.load() - 1;
  const std::string found =
      "the map of the file is full (" + std::to_string(size_bytes()) + " bytes of address space)";
  if (others <= 0) {
    return {
        ErrorCode::disk_full,
        {attempted,
         found,
         {},
         "nothing was stored; try again, the map grows before the next transaction, or open with a larger "
         "map_size_bytes (--map-size)"}};
  }
  return {ErrorCode::disk_full,
          {attempted,
           found + ", and cannot grow while this process has snapshots open: " + std::to_string(others),
           {},
           "nothing was stored; end the snapshots and try again, or open with a larger map_size_bytes "
           "(--map-size)"}};
}

std::uint64_t Map::size_bytes() const {
  MDB_envinfo info{};
  mdb_env_info(handle_, &info);
  return info.me_mapsize;
}

std::uint64_t Map::pages_used() const {
  MDB_envinfo info{};
  mdb_env_info(handle_, &info);
  return info.me_last_pgno + 1;
}

std::uint64_t Map::bytes_used() const {
  MDB_stat statistics{};
  mdb_env_stat(handle_, &statistics);
  return pages_used() * statistics.ms_psize;
}

std::uint32_t Map::readers() const {
  MDB_envinfo info{};
  mdb_env_info(handle_, &info);
  return info.me_numreaders;
}

}  // namespace piecemark::engine
