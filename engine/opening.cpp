// How a file is opened.
//
//   1. The file itself, by its name: what it is, and whether this process has it open.
//   2. The gate, which keeps others from making or replacing the file meanwhile (file_locks.h).
//   3. Its lock file: the one that all processes use which have the file open. Where it may not be written, a private copy is opened
//      in the place of the file.
//   4. The pages, while nothing is committed. While another process writes, an opener with a lock file goes on without:
//      the writer has walked them.
//   5. LMDB, and the tables.
//
// A failure closes what was opened, in the reverse order.
#include <lmdb.h>

#include <chrono>
#include <thread>
#include <utility>

#include "container.h"
#include "environment.h"
#include "lmdb_error.h"
#include "open_files.h"
#include "piecemark/error.h"
#include "replacement.h"
#include "rooms.h"
#include "transactions.h"

namespace piecemark::engine {

class Opening {
 public:
  Opening(const std::string& path, std::span<const std::string_view> tables,
          const EnvironmentOptions& options)
      // All names of a file that differ by symbolic links share the lock file beside the file itself.
      : rooms_(std::make_unique<Environment::Rooms>(os::resolved(path), options)),
        attempted_("cannot open '" + path + "'"),
        tables_(tables),
        deadline_(deadline_in(options.busy_timeout_ms)) {}

  // nullptr where the file was replaced meanwhile: LMDB opens lock file and data file by their names, and may have met the
  // lock file of one and the data of the other.
  std::shared_ptr<Environment> open();

 private:
  using Rooms = Environment::Rooms;

  std::shared_ptr<Environment> shared(const std::shared_ptr<Environment>& present) const;
  void pass_gate();
  bool chooses_private_copy(bool has_other_names) const;
  void open_rooms(OpenFiles::Claim& claim);
  void open_lock_file(OpenFiles::Claim& claim);
  void remove_lock_file_of_other_file();
  void open_shared();
  void open_copy();
  void make_copy();
  void share_write_for_reading();
  void open_map(const std::string& file);
  void free_slots_of_namesake(const std::string& file);
  bool share_write();
  void require_own_lock_table();
  void settle_after_dead_processes(Environment& environment) const;
  [[noreturn]] static void throw_overwritten_while_open(const Rooms& rooms);

  Rooms& rooms() { return *rooms_; }

  std::unique_ptr<Rooms> rooms_;
  std::string attempted_;
  std::span<const std::string_view> tables_;
  Deadline deadline_;
  bool reads_copy_ = false;
  bool shares_write_ = false;  // Nobody commits meanwhile.
};

namespace {

Error in_use_with_other_lock_file(const std::string& attempted, const std::string& path,
                                  const std::optional<ProcessIdentity>& by) {
  return {ErrorCode::unsafe_lock_file,
          {attempted,
           (by ? by->to_string() : "another process") + " has the file open with another lock file than '" +
               lock_file_of(path) + "': that was removed, or the file has a second name (a mount, a link)",
           {},
           "open it by one name, and end the programs that have it open"}};
}

}  // namespace

// LMDB keeps the number of the last commit in the lock file. Where the data file was overwritten while others have it open,
// that number is of another file, and a writer that believed it would damage this one. It is 0 until the process that makes the lock
// file has looked into the data file. A number that is one behind may also be that of a writer that was killed before it could
// note its commit, or is about to.
void Opening::require_own_lock_table() {
  MDB_txn* const transaction = rooms().map.begin(MDB_RDONLY, "open");
  const std::uint64_t noted = mdb_txn_id(transaction);
  const bool is_held = rooms().guard.holds(transaction, noted);
  // The first one tells all others what the file holds, before anybody commits.
  if (shares_write_ && is_held && rooms().lock_file.shared().told_commit() == 0)
    rooms().guard.tell(transaction, noted);
  mdb_txn_abort(transaction);
  MDB_envinfo info{};
  mdb_env_info(rooms().map.handle(), &info);
  const bool is_noted = noted > 0 || info.me_last_txnid == 0;
  if (is_held && is_noted && noted <= info.me_last_txnid && info.me_last_txnid - noted <= 1) return;
  throw_overwritten_while_open(rooms());
}

void Opening::throw_overwritten_while_open(const Rooms& rooms) {
  const auto by = rooms.locks->holder(FileLock::open);
  throw UnsettledLockFile(rooms.path(), "a file that was overwritten while " +
                                            (by ? by->to_string() : std::string("another process")) +
                                            " had it open, and still has");
}

// Frees the slots of readers that were killed, and makes the last commit of a killed writer visible: readers
// learn of it only when the write lock is taken once more.
void Opening::settle_after_dead_processes(Environment& environment) const {
  Environment::Rooms& rooms = *environment.rooms_;
  if (!rooms.lock_file) return;
  environment.clear_dead_readers();
  if (rooms.options.read_only) return;
  try {
    const Map::Visit visit(rooms.map);
    Transactions(rooms).settle();
  } catch (const Error&) {
    if (rooms.is_overwritten) throw_overwritten_while_open(rooms);
    throw;
  }
}

std::shared_ptr<Environment> Environment::open(const std::string& path,
                                               std::span<const std::string_view> tables,
                                               const EnvironmentOptions& options) {
  // A process that is killed while it makes the lock file leaves half of it to the openers of that moment.
  // All of them let go of it, and the next one makes it anew.
  constexpr std::uint32_t kPatienceMs = 500;
  const Deadline deadline = deadline_in(kPatienceMs);
  for (;;) {
    try {
      if (auto opened = Opening(path, tables, options).open()) return opened;
    } catch (const UnsettledLockFile&) {
      if (std::chrono::steady_clock::now() >= deadline) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

std::shared_ptr<Environment> Opening::open() {
  rooms().data.open(rooms().options.read_only ? os::Access::read : os::Access::read_write, attempted_);
  auto claim = OpenFiles::of_process().claim(rooms().data.id(), deadline_);
  if (!claim) {
    throw Error(ErrorCode::busy, {attempted_,
                                  "another thread of this process has been opening or closing it for " +
                                      in_seconds(rooms().options.busy_timeout_ms),
                                  {},
                                  "try again later"});
  }
  if (claim->present()) return shared(claim->present());
  std::shared_ptr<Environment> opened;
  try {
    pass_gate();
    // This process may have the file open by now that has replaced this one.
    if (!rooms().data.is_at_its_path()) {
      rooms().close();
      return nullptr;
    }
    open_rooms(*claim);
    if (!rooms().data.is_at_its_path()) {
      rooms().close();
      return nullptr;
    }
    rooms().locks->release(FileLock::gate);
  } catch (...) {
    const bool is_replaced = !rooms().data.is_at_its_path();
    rooms().close();  // Before the claim ends.
    if (is_replaced) return nullptr;
    throw;
  }
  rooms().is_registered = true;
  opened.reset(new Environment(std::move(rooms_)));
  claim->opened(opened);
  try {
    settle_after_dead_processes(*opened);
  } catch (...) {
    if (!opened->rooms_->data.is_at_its_path()) return nullptr;
    throw;
  }
  return opened;
}

std::shared_ptr<Environment> Opening::shared(const std::shared_ptr<Environment>& present) const {
  if (present->is_read_only() && !rooms_->options.read_only) {
    throw Error(ErrorCode::busy, {attempted_ + " for writing",
                                  "this process has it open for reading only",
                                  {},
                                  "close that store first, or open it for writing to begin with"});
  }
  return present;
}

// A file with several names may be one that has just taken the place of another (replacement.h): then that is finished
// first. Any other name would have a lock file of its own.
void Opening::pass_gate() {
  rooms().locks.emplace(rooms().data.file().descriptor(), rooms().path());
  const auto await_gate = [&](os::LockMode mode) {
    if (rooms().locks->acquire(FileLock::gate, mode, deadline_)) return;
    const auto holder = rooms().locks->holder(FileLock::gate, mode);
    throw Error(ErrorCode::busy,
                {attempted_,
                 (holder ? holder->to_string() : "another process") + " is making or replacing it",
                 {},
                 "try again later"});
  };
  await_gate(os::LockMode::shared);
  bool has_other_names = os::names_of(rooms().data.file()) > 1;
  if (has_other_names && is_being_replaced(rooms().data.id(), rooms().path())) {
    rooms().locks->release(FileLock::gate);
    has_other_names = !finish_replacement(rooms().path(), rooms().data.id(), deadline_) && has_other_names;
    await_gate(os::LockMode::shared);
  }
  reads_copy_ = chooses_private_copy(has_other_names);
  if (!has_other_names || reads_copy_) return;
  throw Error(ErrorCode::unsafe_lock_file,
              {attempted_,
               "a file with " + std::to_string(os::names_of(rooms().data.file())) +
                   " names (hard links), each of which would have a lock file of its own",
               {},
               "make a copy of the file, or remove its other names; it can be opened for reading as it is"});
}

// Only for reading: the lock file may not be written, or is not the only one.
bool Opening::chooses_private_copy(bool has_other_names) const {
  if (!rooms_->options.read_only) return false;
  return has_other_names || !LockFile::may_be_used(rooms_->path(), rooms_->data.file());
}

void Opening::open_rooms(OpenFiles::Claim& claim) {
  Rooms& rooms = this->rooms();
  require_lmdb_container(rooms.data.file(), rooms.path());
  require_plain_lock_file(rooms.path(), attempted_);
  if (!reads_copy_) {
    try {
      open_lock_file(claim);
    } catch (const Error& error) {
      // Where the disk has no room for a lock file, readers go on without one.
      if (error.code() != ErrorCode::disk_full || !rooms.options.read_only) throw;
      reads_copy_ = true;
    }
  }
  if (!reads_copy_) {
    try {
      return open_shared();
    } catch (const ProcessIdTaken&) {
      if (!rooms.options.read_only) throw;
      rooms.map.close();
      rooms.locks->release(FileLock::write);
      rooms.locks->release(FileLock::open);
      rooms.locks->set_signal({});
      rooms.lock_file.close();
    }
  }
  open_copy();
}

void Opening::open_shared() {
  Rooms& rooms = this->rooms();
  shares_write_ = share_write();
  if (shares_write_ && !rooms.options.trusted) require_sound_pages(rooms.data.file(), rooms.path(), "open");
  open_map(rooms.path());
  if (shares_write_) rooms.locks->release(FileLock::write);
}

// While another process writes, it waits only for a moment: an opener with a lock file does without.
bool Opening::share_write() {
  constexpr std::uint32_t kPatienceMs = 50;
  return rooms().locks->share_write(std::min(deadline_, deadline_in(kPatienceMs)));
}

void Opening::open_lock_file(OpenFiles::Claim& claim) {
  Rooms& rooms = this->rooms();
  // Opening and closing it would drop the locks that LMDB holds for another file of this process.
  os::FileFacts facts;
  const auto is_of_other_file = [&] {
    return !os::facts_of_link(lock_file_of(rooms.path()), facts) &&
           OpenFiles::of_process().uses_lock_file(facts.id);
  };
  if (is_of_other_file()) remove_lock_file_of_other_file();
  rooms.lock_file = LockFile::open(rooms.path(), rooms.data.file(), attempted_);
  if (!rooms.lock_file.bind_to(rooms.data.id())) {
    rooms.lock_file.close();
    remove_lock_file_of_other_file();
    rooms.lock_file = LockFile::open(rooms.path(), rooms.data.file(), attempted_);
    if (!rooms.lock_file.bind_to(rooms.data.id()))
      throw UnsettledLockFile(rooms.path(), "a lock file that another file is used with");
  }
  if (!claim.add_lock_file(rooms.lock_file.id()))
    throw UnsettledLockFile(rooms.path(), "a lock file that this process uses with another file");
  rooms.locks->try_acquire(FileLock::open, os::LockMode::shared);
  if (!rooms.locks->share_lock_file(rooms.lock_file.id()))
    throw in_use_with_other_lock_file(attempted_, rooms.path(), rooms.locks->holder(FileLock::open));
  if (const auto error = rooms.lock_file.join(deadline_)) {
    if (error != std::errc::resource_unavailable_try_again)
      throw_system_error(error, attempted_, lock_file_of(rooms.path()));
    throw Error(ErrorCode::busy, {attempted_,
                                  "another process has been making '" + lock_file_of(rooms.path()) +
                                      "' for " + in_seconds(rooms.options.busy_timeout_ms),
                                  {},
                                  "try again later"});
  }
  rooms.locks->set_signal(rooms.lock_file.shared().lock_signal());
}

// The name of this file belonged to another one, which is still open in some process, and so did its lock file. The processes
// that use it keep it; no other can come to use it. It loses its name while no process has this file open, or can open it.
void Opening::remove_lock_file_of_other_file() {
  Rooms& rooms = this->rooms();
  os::File file;
  const auto open = [&](os::File& opened) {
    return os::open_file(rooms.path(), os::Access::read_write, opened);
  };
  if (os::open_to_lock(file, open)) {
    throw UnsettledLockFile(
        rooms.path(),
        "a lock file of another data file: a process still has the file open that was here before");
  }
  FileLocks locks(file.descriptor(), rooms.path());
  rooms.locks->release(FileLock::gate);
  const bool is_acquired = locks.acquire(FileLock::gate, os::LockMode::exclusive, deadline_);
  const bool is_alone = is_acquired && !locks.holder(FileLock::open);
  std::error_code error;
  if (is_alone && rooms.data.is_at_its_path()) error = os::remove_if_there(lock_file_of(rooms.path()));
  locks.release(FileLock::gate);
  rooms.locks->acquire(FileLock::gate, os::LockMode::shared, deadline_);
  if (error) throw_system_error(error, attempted_, lock_file_of(rooms.path()));
  if (!is_alone)
    throw UnsettledLockFile(
        rooms.path(),
        "a lock file of another data file: a process still has the file open that was here before");
}

void Opening::open_copy() {
  Rooms& rooms = this->rooms();
  if (os::is_on_read_only_file_system(rooms.data.file())) {
    if (!rooms.options.trusted) require_sound_pages(rooms.data.file(), rooms.path(), "open");
    return open_map(rooms.path());
  }
  try {
    make_copy();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::disk_full) throw;
    rooms.copy = {};  // A first one may have been no good.
    // There is no room for anything: writers wait for as long as this process has the file open.
    share_write_for_reading();
    if (!rooms.options.trusted) require_sound_pages(rooms.data.file(), rooms.path(), "open");
    return open_map(rooms.path());
  }
  if (!rooms.options.trusted) require_sound_pages(rooms.copy.file(), rooms.path(), "open");
  open_map(rooms.copy.name());
}

// Writers go on meanwhile. Only where they commit again and again, they wait for as long as the copy takes.
void Opening::make_copy() {
  constexpr int kAttempts = 3;
  Rooms& rooms = this->rooms();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    rooms.copy = PrivateCopy(rooms.data.file(), rooms.path(), attempted_);
    if (rooms.copy.is_whole(rooms.data.file())) return;
  }
  share_write_for_reading();
  rooms.copy = PrivateCopy(rooms.data.file(), rooms.path(), attempted_);
  rooms.locks->release(FileLock::write);
}

void Opening::share_write_for_reading() {
  Rooms& rooms = this->rooms();
  if (rooms.locks->share_write(deadline_)) return;
  const auto holder = rooms.locks->holder(FileLock::write, os::LockMode::shared);
  throw Error(ErrorCode::busy,
              {attempted_,
               (holder ? holder->to_string() : "another process") +
                   " is writing, and the lock file may not be written, so that a copy has to be read",
               {},
               "try again later"});
}

// A process that has ended, and had the same id in another namespace, may have left slots in the table of readers: LMDB
// takes them for those of this process, and frees them when this process closes the file.
void Opening::free_slots_of_namesake(const std::string& file) {
  Rooms& rooms = this->rooms();
  const bool has_namesake = ReaderSlots::has_slots(rooms.map, os::process_id());
  mdb_txn_abort(rooms.map.begin(MDB_RDONLY, "open"));  // Throws where that process lives.
  if (!has_namesake) return;
  rooms.map.close();
  rooms.map.open(file, rooms.map.options());
}

void Opening::open_map(const std::string& file) {
  Rooms& rooms = this->rooms();
  const EnvironmentOptions& options = rooms.options;
  const bool has_lock_file = static_cast<bool>(rooms.lock_file);
  rooms.map.open(file, {.read_only = options.read_only,
                        .without_lock_file = !has_lock_file,
                        .size_bytes = options.map_size_bytes,
                        .busy_timeout_ms = options.busy_timeout_ms});
  const Map::Visit visit(rooms.map);
  if (has_lock_file) {
    if (!rooms.lock_file.is_at_its_path(rooms.path()))
      throw UnsettledLockFile(rooms.path(), "a lock file that was removed while the file was opened");
    free_slots_of_namesake(file);
    rooms.lock_file.protect_first_byte();
    rooms.readers.emplace(rooms.map, *rooms.locks, rooms.lock_file, rooms.path());
    rooms.write_lock.emplace(*rooms.locks, rooms.path());
    rooms.guard.set_shared(&rooms.lock_file.shared());
  }
  rooms.tables.open(tables_, options.required_tables);
  if (options.notes_table) {
    const Table notes = rooms.tables.table(*options.notes_table);
    rooms.notes.set_table(notes);
    rooms.guard.set_notes(notes);
  }
  if (has_lock_file) require_own_lock_table();
}

}  // namespace piecemark::engine
