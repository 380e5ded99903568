#include "environment.h"

#include <lmdb.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "container.h"
#include "lmdb_error.h"
#include "lmdb_path.h"
#include "lock_file.h"
#include "map_size.h"
#include "page_check.h"
#include "waiting.h"

namespace piecemark::engine {
namespace {

constexpr unsigned kReadersMax = 1022;
constexpr unsigned kTablesMax = 32;
constexpr unsigned kBaseFlags = MDB_NOSUBDIR | MDB_NOTLS;
constexpr mdb_mode_t kFileMode = 0664;

std::string quoted(const std::string& path) {
  return "'" + path + "'";
}

// The lock file says what cannot be of this data file.
class UnsettledLockFile final : public Error {
 public:
  UnsettledLockFile(const std::string& path, std::string found)
      : Error(ErrorCode::unsafe_lock_file, {"cannot open " + quoted(path),
                                            std::move(found),
                                            {},
                                            "end the programs that have it open, then open it again"}) {}
};

}  // namespace

// The environments of this process. An entry stays until its environment is closed, so that a file is never
// opened again while it is being closed.
class Environment::Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  // The open environment of the file, if there is one. Waits for one that is being closed.
  std::shared_ptr<Environment> find(std::unique_lock<std::mutex>& lock, const os::FileId& id) {
    for (;;) {
      const auto entry = environments_.find(id);
      if (entry == environments_.end()) return nullptr;
      if (entry->second.fork_generation != os::fork_generation()) {
        environments_.erase(entry);  // The parent's; this process has none.
        return nullptr;
      }
      if (auto open = entry->second.environment.lock()) return open;
      closed_.wait(lock);
    }
  }

  void add(const std::shared_ptr<Environment>& environment) {
    environments_[environment->file_id_] = {environment, environment->fork_generation_};
  }

  void remove(const os::FileId& id) {
    environments_.erase(id);
    closed_.notify_all();
  }

 private:
  struct Entry {
    std::weak_ptr<Environment> environment;
    std::uint64_t fork_generation = 0;
  };

  std::mutex mutex_;
  std::condition_variable closed_;
  std::map<os::FileId, Entry> environments_;
};

Environment::Environment(std::string path, const EnvironmentOptions& options)
    : path_(std::move(path)), options_(options), fork_generation_(os::fork_generation()) {}

std::shared_ptr<Environment> Environment::open(const std::string& path,
                                               std::span<const std::string_view> tables,
                                               const EnvironmentOptions& options) {
  // A process that is killed while it makes the lock file leaves half of it to those who open the store at that moment.
  // All of them let go of it, and the next one makes it anew.
  constexpr std::uint32_t kPatienceMs = 500;
  const Deadline deadline = deadline_in(kPatienceMs);
  for (;;) {
    try {
      if (auto opened = open_as_it_is(path, tables, options)) return opened;
    } catch (const UnsettledLockFile&) {
      if (std::chrono::steady_clock::now() >= deadline) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// nullptr where the file was replaced meanwhile: LMDB opens lock file and data file by their names, and may have met the
// lock file of one and the data of the other.
std::shared_ptr<Environment> Environment::open_as_it_is(const std::string& path,
                                                        std::span<const std::string_view> tables,
                                                        const EnvironmentOptions& options) {
  const std::string attempted = "cannot open " + quoted(path);
  // All names of a file that differ by symbolic links share the lock file beside the file itself.
  std::shared_ptr<Environment> opened(new Environment(os::resolved(path), options));
  opened->open_file();

  Registry& registry = Registry::instance();
  auto lock = registry.lock();
  if (auto present = registry.find(lock, opened->file_id_)) {
    lock.unlock();  // Letting go of the last reference takes this lock.
    if (present->is_read_only() && !options.read_only) {
      throw Error(ErrorCode::busy, {attempted + " for writing",
                                    "this process has it open for reading only",
                                    {},
                                    "close that store first, or open it for writing to begin with"});
    }
    return present;
  }
  // This process may have the file open by now that has replaced this one.
  if (!opened->is_at_its_path()) return nullptr;
  try {
    opened->open_checked(tables);
  } catch (...) {
    opened->close();  // Still under the registry's lock.
    if (!opened->is_at_its_path()) return nullptr;
    throw;
  }
  if (!opened->is_at_its_path()) {
    opened->close();
    return nullptr;
  }
  registry.add(opened);
  lock.unlock();
  try {
    opened->settle_after_dead_processes();
  } catch (...) {
    if (!opened->is_at_its_path()) return nullptr;
    throw;
  }
  return opened;
}

// Everything that must not meet a commit in progress runs under the shared lock on the data file, which keeps writers
// out. Where one is writing already, an opener with a lock table goes on without the checks: the writer has made them
// when it opened the file. Without a lock table it must wait.
void Environment::open_checked(std::span<const std::string_view> tables) {
  constexpr std::uint32_t kPatienceMs = 50;
  if (options_.read_only && !os::can_write_or_create(lock_file_of(path_))) reads_without_lock_file_ = true;
  const Deadline deadline = deadline_in(reads_without_lock_file_ ? options_.busy_timeout_ms : kPatienceMs);
  const bool is_alone = poll_until(deadline, [&] {
    const std::error_code error = os::lock_at_once(file_, os::LockMode::shared);
    if (error && error != std::errc::resource_unavailable_try_again)
      throw_system_error(error, "cannot open " + quoted(path_), path_);
    return !error;
  });
  if (!is_alone && reads_without_lock_file_) throw_writer_is_busy("open");
  try {
    if (is_alone && !options_.trusted) check_pages("open");
    if (!reads_without_lock_file_) prepare_lock_file(is_alone);
    open_map();
    if (!reads_without_lock_file_) require_own_lock_table(noted_commit(), 1);
    open_tables(tables);
  } catch (...) {
    if (is_alone) os::unlock(file_);
    throw;
  }
  if (is_alone) os::unlock(file_);
}

// Where the disk has no room for a lock file, a reader that is alone goes on without one.
void Environment::prepare_lock_file(bool is_alone) {
  const std::string attempted = "cannot open " + quoted(path_);
  require_own_lock_file(path_, attempted);
  const std::error_code error = reserve_lock_file(path_, kReadersMax, owner().permissions);
  if (!error) return;
  if (!options_.read_only || !is_alone) throw_system_error(error, attempted, path_);
  reads_without_lock_file_ = true;
}

void Environment::throw_writer_is_busy(const char* attempted) const {
  throw Error(ErrorCode::busy, {std::string("cannot ") + attempted + " " + quoted(path_),
                                os::lock_holder(file_id_) + " is writing, and the folder takes no lock file",
                                {},
                                "try again later"});
}

std::uint64_t Environment::noted_commit() {
  enter();
  try {
    MDB_txn* transaction = begin(MDB_RDONLY, "open");
    const std::uint64_t noted = mdb_txn_id(transaction);
    mdb_txn_abort(transaction);
    leave();
    return noted;
  } catch (...) {
    leave();
    throw;
  }
}

// LMDB keeps the number of the last commit in the lock file. If the data file was replaced while another process still
// had the old one open, that number is of another file, and a writer that believed it would damage this one. It is 0
// until whoever makes the lock file has looked into the data file. A number that is one behind may also be that of a
// writer who was killed before it could note its commit, or is about to.
void Environment::require_own_lock_table(std::uint64_t noted, std::uint64_t behind_max) const {
  MDB_envinfo info{};
  mdb_env_info(handle_, &info);
  const bool is_noted = noted > 0 || info.me_last_txnid == 0;
  if (is_noted && noted <= info.me_last_txnid && info.me_last_txnid - noted <= behind_max) return;
  throw UnsettledLockFile(
      path_, "a lock file of another data file: a process still has the file open that was here before");
}

void Environment::open_file() {
  const std::string attempted = "cannot open " + quoted(path_);
  os::FileFacts facts;
  if (auto error = os::facts_of(path_, facts)) throw_system_error(error, attempted, path_);
  if (facts.is_directory || !facts.is_regular) {
    throw Error(ErrorCode::not_a_store,
                {attempted,
                 facts.is_directory ? "a folder" : "something that is no regular file",
                 {},
                 "name the store file itself"});
  }
  if (const auto network = os::network_file_system(path_)) {
    throw Error(ErrorCode::unsupported_platform, {attempted, "a file on " + std::string(*network),
                                                  "files on local disks", "copy the file to a local disk"});
  }
  const auto access = options_.read_only ? os::Access::read : os::Access::read_write;
  if (auto error = os::open_file(path_, access, file_)) throw_system_error(error, attempted, path_);
  if (auto error = os::facts_of(file_, facts)) throw_system_error(error, attempted, path_);
  file_id_ = facts.id;
  os::close_in_forked_child(file_.descriptor());
  if (facts.names > 1) await_replacement();
  require_lmdb_container(file_, path_);

  require_plain_lock_file(path_, attempted);
}

void Environment::check_pages(const char* attempted) const {
  const auto damage = engine::check_pages(file_);
  if (!damage) return;
  throw Error(ErrorCode::corrupt_file, {std::string("cannot ") + attempted + " " + quoted(path_),
                                        "page " + std::to_string(damage->page) + ": " + damage->reason,
                                        {},
                                        "go back to a backup, or run 'piecemark salvage'"});
}

void Environment::verify_pages() {
  constexpr const char* kAttempted = "verify the pages of";
  check_usable(kAttempted);
  const auto verify_and = [&](const auto& let_go) {
    try {
      check_pages(kAttempted);
    } catch (...) {
      let_go();
      throw;
    }
    let_go();
  };
  if (reads_without_lock_file_) {
    share_file_lock();
    verify_and([&] { unshare_file_lock(); });
  } else {
    take_turn(options_.busy_timeout_ms, {});
    verify_and([&] { turn_.release(file_); });
  }
}

void Environment::open_map(unsigned more_flags) {
  const std::string attempted = "cannot open " + quoted(path_);
  check_opening(mdb_env_create(&handle_), attempted, path_);
  check_opening(mdb_env_set_maxdbs(handle_, kTablesMax), attempted, path_);
  check_opening(mdb_env_set_maxreaders(handle_, kReadersMax), attempted, path_);
  // A file larger than the map makes LMDB use the larger size by itself.
  check_opening(mdb_env_set_mapsize(handle_, usable_map_size(options_.map_size_bytes)), attempted, path_);
  // Without a lock table readers share the lock on the data file, which keeps writers out for as long as they read.
  const unsigned flags = kBaseFlags | (options_.read_only ? MDB_RDONLY : 0U) |
                         (reads_without_lock_file_ ? MDB_NOLOCK : 0U) | more_flags;
  int code = MDB_SUCCESS;
  if ((flags & MDB_NOLOCK) != 0) {
    code = mdb_env_open(handle_, path_.c_str(), flags, kFileMode);
  } else {
    const LmdbPath path(path_, attempted);
    code = mdb_env_open(handle_, path.get().c_str(), flags, kFileMode);
  }
  if (code != MDB_SUCCESS) {
    mdb_env_close(std::exchange(handle_, nullptr));
    // It is not the data file: that has been looked at.
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH)
      throw UnsettledLockFile(path_, "a lock file that is half made, or of another version of LMDB");
    check_opening(code, attempted, path_);
  }
}

// Frees the slots of readers that were killed, and makes the last commit of a killed writer visible: readers
// learn of it only when the write lock is taken once more.
void Environment::settle_after_dead_processes() {
  if (reads_without_lock_file_) return;
  clear_dead_readers();
  if (options_.read_only) return;
  try {
    const WriteTransaction taken = begin_write(0);  // Its id is one more than that of the last commit noted.
    require_own_lock_table(taken.id() - 1, 0);
  } catch (const Error& error) {
    // Somebody is writing, and settles it with that, or is opening the file, and settles it next.
    if (error.code() != ErrorCode::busy) throw;
  }
}

void Environment::open_tables(std::span<const std::string_view> names) {
  for (const std::string_view name : names) tables_.emplace_back().name = name;
  enter();
  try {
    adopt_tables();
  } catch (...) {
    leave();
    throw;
  }
  leave();
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].handle != Table::kMissing) continue;
    if (i < options_.required_tables) {
      throw Error(ErrorCode::not_a_store, {"cannot open " + quoted(path_),
                                           "an LMDB file without the table '" + tables_[i].name + "'",
                                           {},
                                           "check that this is the right file"});
    }
    may_lack_tables_ = true;
  }
}

// Opens the tables that are there and have no handle yet. LMDB keeps the handles once the transaction that opened them
// has committed, and wants one such transaction at a time. The caller has entered.
void Environment::adopt_tables() {
  const std::lock_guard lock(tables_mutex_);
  MDB_txn* transaction = nullptr;
  try {
    transaction = begin(MDB_RDONLY, "open");
    std::vector<std::pair<NamedTable*, MDB_dbi>> opened;
    for (NamedTable& table : tables_) {
      MDB_dbi handle = Table::kMissing;
      if (table.handle == Table::kMissing && try_open(transaction, table.name, handle))
        opened.emplace_back(&table, handle);
    }
    const int code = mdb_txn_commit(std::exchange(transaction, nullptr));
    check(code, "cannot open " + quoted(path_), path_);
    for (const auto& [table, handle] : opened) table->handle = handle;
  } catch (...) {
    if (transaction != nullptr) mdb_txn_abort(transaction);
    throw;
  }
}

// False where there is no such table.
bool Environment::try_open(MDB_txn* transaction, const std::string& name, unsigned& handle) const {
  const std::string attempted = "cannot open " + quoted(path_);
  const int code = mdb_dbi_open(transaction, name.c_str(), 0, &handle);
  if (code == MDB_NOTFOUND) return false;
  check(code, attempted, path_);
  unsigned flags = 0;
  check(mdb_dbi_flags(transaction, handle, &flags), attempted, path_);
  if (flags == 0) return true;
  throw Error(ErrorCode::corrupt_file,
              {attempted, "table '" + name + "' has flags " + std::to_string(flags), "tables without flags",
               "go back to a backup, or run 'piecemark salvage'"});
}

// False where the snapshot has a table that was opened after it began, or not yet.
bool Environment::knows_tables(MDB_txn* transaction) const {
  if (!may_lack_tables_) return true;
  return std::all_of(tables_.begin(), tables_.end(), [&](const NamedTable& table) {
    MDB_stat statistics{};
    if (mdb_stat(transaction, table.handle, &statistics) == MDB_SUCCESS) return true;
    MDB_val name{table.name.size(), const_cast<char*>(table.name.data())};
    MDB_val found{};
    return mdb_get(transaction, kTableOfTables.handle, &name, &found) == MDB_NOTFOUND;
  });
}

// No other transaction opens tables meanwhile: what one would have to open is there before this one began.
void Environment::create_missing_tables(MDB_txn* transaction) {
  const std::lock_guard lock(tables_mutex_);
  for (NamedTable& table : tables_) {
    if (table.handle != Table::kMissing) continue;
    MDB_dbi handle = 0;
    check(mdb_dbi_open(transaction, table.name.c_str(), MDB_CREATE, &handle),
          "cannot write to " + quoted(path_), path_);
    table.is_created = true;
    table.handle = handle;
  }
}

void Environment::keep_created_tables() noexcept {
  for (NamedTable& table : tables_) table.is_created = false;
}

void Environment::forget_created_tables() noexcept {
  for (NamedTable& table : tables_) {
    if (std::exchange(table.is_created, false)) table.handle = Table::kMissing;
  }
}

Environment::~Environment() {
  if (fork_generation_ != os::fork_generation()) {
    // In a forked child the map and the slots belong to the parent, and the descriptor is closed already.
    file_.abandon();
    return;
  }
  if (handle_ == nullptr) {
    close();
    return;
  }
  Registry& registry = Registry::instance();
  const auto lock = registry.lock();
  close();
  registry.remove(file_id_);
}

void Environment::close() noexcept {
  if (handle_ != nullptr) mdb_env_close(std::exchange(handle_, nullptr));
  if (file_) os::forget_in_forked_child(file_.descriptor());
  file_.close();
}

void Environment::check_usable(const char* attempted) const {
  if (fork_generation_ != os::fork_generation()) {
    throw Error(ErrorCode::forked, {std::string("cannot ") + attempted + " " + quoted(path_),
                                    "a store opened before fork, used in the child",
                                    {},
                                    "open the store again in the child"});
  }
  if (needs_reopen_.load(std::memory_order_relaxed)) {
    throw lmdb_error(MDB_PANIC, std::string("cannot ") + attempted + " " + quoted(path_), path_);
  }
}

// Registers a transaction, waiting while the map is being resized.
void Environment::enter() {
  for (;;) {
    open_transactions_.fetch_add(1);
    if (!resizing_.load()) return;
    open_transactions_.fetch_sub(1);
    const std::lock_guard wait(resize_mutex_);
  }
}

void Environment::leave() noexcept {
  open_transactions_.fetch_sub(1);
}

// Sets the size of the map, or adopts that of the file (0), once no transaction of this process is open; false if that
// does not come to pass in time. The caller has not entered.
bool Environment::try_resize_map(std::uint64_t bytes, std::uint32_t timeout_ms) {
  const std::lock_guard exclusive(resize_mutex_);
  resizing_.store(true);
  const bool alone = poll_until(deadline_in(timeout_ms), [&] { return open_transactions_.load() == 0; });
  const int code =
      alone ? mdb_env_set_mapsize(handle_, bytes == 0 ? 0 : usable_map_size(bytes)) : MDB_SUCCESS;
  // LMDB unmaps before it maps: after a failure there is nothing to read from.
  if (code != MDB_SUCCESS) needs_reopen_ = true;
  resizing_.store(false);
  check(code, "cannot resize the map of " + quoted(path_), path_);
  return alone;
}

// Begins an LMDB transaction. The caller has entered, and still has when this throws.
MDB_txn* Environment::begin(unsigned flags, const char* attempted) {
  MDB_txn* transaction = nullptr;
  int code = mdb_txn_begin(handle_, nullptr, flags, &transaction);
  if (code == MDB_READERS_FULL) {
    int dead = 0;
    mdb_reader_check(handle_, &dead);
    code = mdb_txn_begin(handle_, nullptr, flags, &transaction);
  }
  while (code == MDB_MAP_RESIZED) {
    leave();
    bool is_adopted = false;
    try {
      is_adopted = try_resize_map(0, options_.busy_timeout_ms);
    } catch (...) {
      enter();
      throw;
    }
    enter();
    if (!is_adopted) {
      throw Error(ErrorCode::busy,
                  {"cannot " + std::string(attempted) + " " + quoted(path_),
                   "transactions of this process that stayed open for " +
                       in_seconds(options_.busy_timeout_ms) + ", while the file has outgrown its map",
                   {},
                   "end them and try again"});
    }
    code = mdb_txn_begin(handle_, nullptr, flags, &transaction);
  }
  // Made on failure only: after a success nothing may throw, for nobody would end the transaction.
  if (code != MDB_SUCCESS)
    throw lmdb_error(code, std::string("cannot ") + attempted + " " + quoted(path_), path_);
  return transaction;
}

// LMDB notes the number of the last commit, and then copies what one of the two meta pages says. A reader that has to wait
// for the processor between the two may find that page written by the commit after the next: its snapshot would be newer
// than the commits that others see, and than its own next one.
MDB_txn* Environment::begin_snapshot() {
  constexpr int kAttempts = 1000;  // So many in a row mean something else than an unlucky reader.
  std::uint64_t noted = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    MDB_txn* transaction = begin(MDB_RDONLY, "read from");
    MDB_envinfo info{};
    mdb_env_info(handle_, &info);
    noted = mdb_txn_id(transaction);
    const bool is_in_order = info.me_last_txnid < noted + 2;
    if (is_in_order && knows_tables(transaction)) return transaction;
    mdb_txn_abort(transaction);
    if (is_in_order) adopt_tables();
  }
  require_own_lock_table(noted, 1);
  return begin(MDB_RDONLY, "read from");
}

ReadTransaction Environment::begin_read() {
  check_usable("read from");
  ReadTransaction transaction = begin_read_of_this_file();
  if (is_noted_as_replaced(transaction) && !is_at_its_path()) throw_replaced("read from");
  return transaction;
}

ReadTransaction Environment::begin_read_of_this_file() {
  if (reads_without_lock_file_) share_file_lock();
  enter();
  try {
    return {shared_from_this(), begin_snapshot(), reads_without_lock_file_};
  } catch (...) {
    leave();
    if (reads_without_lock_file_) unshare_file_lock();
    throw;
  }
}

void Environment::share_file_lock() {
  const std::lock_guard lock(shared_lock_mutex_);
  const Deadline deadline = deadline_in(options_.busy_timeout_ms);
  if (shared_lock_count_ == 0 &&
      !poll_until(deadline, [&] { return os::try_lock(file_, os::LockMode::shared); })) {
    throw_writer_is_busy("read from");
  }
  ++shared_lock_count_;
}

void Environment::unshare_file_lock() noexcept {
  const std::lock_guard lock(shared_lock_mutex_);
  if (--shared_lock_count_ == 0) os::unlock(file_);
}

void Environment::end_read(MDB_txn* transaction, bool holds_file_lock) noexcept {
  if (fork_generation_ != os::fork_generation()) return;
  mdb_txn_abort(transaction);
  leave();
  if (holds_file_lock) unshare_file_lock();
}

// Keeps at least half of the map free. Where other transactions of this process are open, it waits for another time;
// but once a transaction has met the end of the map it holds new ones back until the open ones have ended.
void Environment::grow_map_if_needed() {
  constexpr std::uint32_t kPatienceMs = 1000;
  MDB_envinfo info{};
  MDB_stat statistics{};
  enter();  // Nobody may resize the map while LMDB looks into it.
  mdb_env_info(handle_, &info);
  mdb_env_stat(handle_, &statistics);
  leave();
  const std::uint64_t used = (info.me_last_pgno + 1) * statistics.ms_psize;
  if (wants_larger_map_.load()) {
    if (try_resize_map(info.me_mapsize * 2, std::min(kPatienceMs, options_.busy_timeout_ms)))
      wants_larger_map_ = false;
  } else if (used > info.me_mapsize / 2 && open_transactions_.load() == 0) {
    try_resize_map(info.me_mapsize * 2, 0);
  }
}

void Environment::require_opened_for_writing() const {
  check_usable("write to");
  if (!options_.read_only) return;
  throw Error(ErrorCode::read_only,
              {"cannot write to " + quoted(path_), "a store opened for reading", {}, "open it for writing"});
}

void Environment::take_turn(std::uint32_t busy_timeout_ms, const OnWait& on_wait) {
  try {
    turn_.take(file_, file_id_, path_, busy_timeout_ms, on_wait);
  } catch (const Error& error) {
    // A file that was removed, or replaced by somebody else, has no note.
    if (error.code() == ErrorCode::reopen_needed && is_noted_as_replaced(begin_read_of_this_file()))
      is_replaced_ = true;
    throw;
  }
}

WriteTransaction Environment::begin_write(std::uint32_t busy_timeout_ms, const OnWait& on_wait) {
  require_opened_for_writing();
  take_turn(busy_timeout_ms, on_wait);
  bool entered = false;
  try {
    clear_dead_readers_now_and_then();
    grow_map_if_needed();
    enter();
    entered = true;
    return {shared_from_this(), begin_writing(), true};
  } catch (...) {
    if (entered) leave();
    turn_.release(file_);
    throw;
  }
}

MDB_txn* Environment::begin_writing() {
  MDB_txn* transaction = begin(0, "write to");
  if (knows_tables(transaction)) return transaction;
  mdb_txn_abort(transaction);
  adopt_tables();
  return begin(0, "write to");
}

void Environment::end_write(MDB_txn* transaction, bool holds_turn) noexcept {
  if (fork_generation_ != os::fork_generation()) return;
  mdb_txn_abort(transaction);
  forget_created_tables();
  leave();
  if (holds_turn) turn_.release(file_);
}

void Environment::commit(MDB_txn* transaction, Durability durability, bool holds_turn) {
  if (fork_generation_ != os::fork_generation()) check_usable("commit to");
  mdb_env_set_flags(handle_, MDB_NOMETASYNC, durability == Durability::relaxed ? 1 : 0);
  const int code = mdb_txn_commit(transaction);
  has_committed_ = true;
  std::exception_ptr failure;
  if (code == MDB_SUCCESS) {
    keep_created_tables();
  } else {
    forget_created_tables();
    failure = failed_commit(code);
  }
  leave();
  if (holds_turn) turn_.release(file_);
  if (failure) std::rethrow_exception(failure);
}

// What to throw after a failed commit. Never throws itself, not even for want of memory: the turn must be given back.
std::exception_ptr Environment::failed_commit(int code) noexcept {
  if (code == MDB_MAP_FULL) want_larger_map();
  try {
    const Error error = lmdb_error(code, "cannot commit to " + quoted(path_), path_);
    // A full disk is met before anything is made visible, unless LMDB says otherwise when asked again. After
    // any other failure nobody knows what reached the disk.
    MDB_txn* probe = nullptr;
    if (error.code() != ErrorCode::disk_full ||
        mdb_txn_begin(handle_, nullptr, MDB_RDONLY, &probe) == MDB_PANIC) {
      needs_reopen_ = true;
    }
    if (probe != nullptr) mdb_txn_abort(probe);
    return std::make_exception_ptr(error);
  } catch (...) {
    needs_reopen_ = true;
    return std::current_exception();
  }
}

std::uint64_t Environment::memory_to_reserve(std::uint64_t bytes_to_write) const {
  // As much as LMDB keeps in memory before it begins to write pages ahead of the commit.
  constexpr std::uint64_t kMost = std::uint64_t{480} << 20;
  return has_committed_.load() ? 0 : std::min(bytes_to_write, kMost);
}

std::string Environment::folder() const {
  return os::folder_of(path_);
}

FileOwner Environment::owner() const {
  FileOwner owner;
  if (auto error = owner_of(file_, owner)) throw_system_error(error, "cannot read " + quoted(path_), path_);
  return owner;
}

Environment::Usage Environment::usage() const {
  MDB_envinfo info{};
  mdb_env_info(handle_, &info);
  os::FileFacts facts;
  os::facts_of(file_, facts);
  return {
      .file_bytes = facts.size_bytes,
      .pages_used = info.me_last_pgno + 1,
      .map_bytes = info.me_mapsize,
      .readers = info.me_numreaders,
  };
}

}  // namespace piecemark::engine
