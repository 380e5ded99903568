#include "environment.h"

#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "lmdb_error.h"
#include "open_files.h"
#include "page_check.h"
#include "rooms.h"

namespace piecemark::engine {

Environment::Environment(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Environment::~Environment() = default;

Table Environment::table(std::size_t index) const {
  return rooms_->tables.table(index);
}

const std::string& Environment::path() const {
  return rooms_->path;
}

std::string Environment::folder() const {
  return os::folder_of(rooms_->path);
}

CreationOptions Environment::options_for_copy(unsigned times) const {
  os::FileFacts facts;
  FileOwner owner;
  std::error_code error = os::facts_of(rooms_->file, facts);
  if (!error) error = owner_of(rooms_->file, owner);
  if (error) throw_system_error(error, "cannot read '" + rooms_->path + "'", rooms_->path);
  return {.owner = owner,
          .map_size_bytes = rooms_->options.map_size_bytes,
          .expected_bytes = times * facts.size_bytes,
          .notes_table = rooms_->options.notes_table};
}

bool Environment::is_read_only() const {
  return rooms_->options.read_only;
}

bool Environment::is_replaced() const {
  return rooms_->is_replaced.load();
}

Environment::Usage Environment::usage() const {
  os::FileFacts facts;
  os::facts_of(rooms_->file, facts);
  return {
      .file_bytes = facts.size_bytes,
      .pages_used = rooms_->map.pages_used(),
      .map_bytes = rooms_->map.size_bytes(),
      .readers = rooms_->map.readers(),
  };
}

std::vector<LongReader> Environment::long_readers(const ReadTransaction& transaction,
                                                  std::uint64_t limit_ms) const {
  if (!rooms_->readers) return {};
  return rooms_->readers->long_readers(transaction, rooms_->notes.clock_of(transaction), limit_ms);
}

void Environment::verify_notes(const ReadTransaction& transaction) const {
  rooms_->notes.verify(transaction);
}

void Environment::clear_dead_readers() {
  if (rooms_->readers) rooms_->readers->clear_dead();
}

std::uint64_t Environment::memory_to_reserve(std::uint64_t bytes_to_write) const {
  // As much as LMDB keeps in memory before it begins to write pages ahead of the commit.
  constexpr std::uint64_t kMost = std::uint64_t{480} << 20;
  return rooms_->has_committed.load() ? 0 : std::min(bytes_to_write, kMost);
}

// ------------------------------------------------------------------------------------------------- Transactions

ReadTransaction Environment::begin_read(Deadline copied_since) {
  Rooms& rooms = *rooms_;
  rooms.check_usable("read from");
  if (rooms.copy && !rooms.copy.is_current(rooms.file, copied_since))
    rooms.throw_replaced("read from", "a private copy was read, and the file has changed since it was made");
  if (rooms.readers) rooms.readers->add();
  Map::Visit visit(rooms.map);
  MDB_txn* handle = nullptr;
  try {
    handle = rooms.begin_snapshot();
  } catch (...) {
    if (rooms.readers) rooms.readers->remove();
    throw;
  }
  visit.stay();
  ReadTransaction transaction(shared_from_this(), handle);
  if (rooms.notes.is_noted_as_replaced(transaction) && !rooms.is_at_its_path())
    rooms.throw_replaced("read from", "the file was compacted: another one has its name now");
  return transaction;
}

WriteTransaction Environment::begin_write() {
  return begin_write(rooms_->options.busy_timeout_ms);
}

WriteTransaction Environment::begin_write(std::uint32_t busy_timeout_ms, const OnWait& on_wait) {
  Rooms& rooms = *rooms_;
  rooms.require_opened_for_writing();
  rooms.acquire_write_lock(*this, busy_timeout_ms, on_wait);
  try {
    rooms.readers->clear_dead_now_and_then();
    rooms.map.grow_if_needed();
    rooms.writer_thread.start();
    Map::Visit visit(rooms.map);
    MDB_txn* const handle = rooms.begin_writing();
    visit.stay();
    return {shared_from_this(), handle, rooms.guard.anchor_of(handle, mdb_txn_id(handle) - 1),
            WriterHold::write_lock};
  } catch (...) {
    rooms.write_lock->release();
    throw;
  }
}

void Environment::sync() {
  rooms_->check_usable("sync");
  rooms_->sync(begin_read().id());
}

void Environment::verify_pages() {
  constexpr const char* kAttempted = "verify the pages of";
  Rooms& rooms = *rooms_;
  rooms.check_usable(kAttempted);
  if (rooms.copy) return rooms.check_pages(rooms.copy.file(), kAttempted);
  if (!rooms.write_lock) return rooms.check_pages(rooms.file, kAttempted);
  if (rooms.options.read_only) {
    rooms.write_lock->acquire_shared(rooms.options.busy_timeout_ms);
  } else {
    rooms.write_lock->acquire(rooms.options.busy_timeout_ms);
  }
  try {
    rooms.check_pages(rooms.file, kAttempted);
  } catch (...) {
    rooms.write_lock->release();
    throw;
  }
  rooms.write_lock->release();
}

// ------------------------------------------------------------------------------------------------------ Rooms

Environment::Rooms::~Rooms() {
  if (!is_forked()) {
    close();
    return;
  }
  // In a forked child the map and the slots belong to the parent, and the descriptors are closed already.
  writer_thread.abandon();
  map.abandon();
  lock_file.abandon();
  file.abandon();
}

void Environment::Rooms::check_usable(const char* attempted) const {
  if (is_forked()) {
    throw Error(ErrorCode::forked, {std::string("cannot ") + attempted + " '" + path + "'",
                                    "a store opened before fork, used in the child",
                                    {},
                                    "open the store again in the child"});
  }
  if (!map.is_poisoned()) return;
  if (is_overwritten.load()) throw overwritten(attempted);
  throw lmdb_error(MDB_PANIC, std::string("cannot ") + attempted + " '" + path + "'", path);
}

void Environment::Rooms::require_opened_for_writing() const {
  check_usable("write to");
  if (!options.read_only) return;
  throw Error(ErrorCode::read_only,
              {"cannot write to '" + path + "'", "a store opened for reading", {}, "open it for writing"});
}

Error Environment::Rooms::overwritten(const char* attempted) const {
  return {ErrorCode::reopen_needed,
          {std::string("cannot ") + attempted + " '" + path + "'",
           "the file was overwritten while it was open: it holds other commits now",
           {},
           "nothing was written; close the store and open it again, in every program that has it open"}};
}

void Environment::Rooms::throw_overwritten(const char* attempted) {
  is_overwritten = true;
  map.poison();
  throw overwritten(attempted);
}

void Environment::Rooms::throw_replaced(const char* attempted, const char* found) {
  is_replaced = true;
  throw Error(ErrorCode::reopen_needed, {std::string("cannot ") + attempted + " '" + path + "'",
                                         found,
                                         {},
                                         "close the store and open it again"});
}

bool Environment::Rooms::is_at_its_path() const {
  os::FileFacts facts;
  return !os::facts_of(path, facts) && facts.id == file_id;
}

void Environment::Rooms::check_pages(const os::File& of, const char* attempted) const {
  const auto damage = engine::check_pages(of);
  if (!damage) return;
  throw Error(ErrorCode::corrupt_file, {std::string("cannot ") + attempted + " '" + path + "'",
                                        "page " + std::to_string(damage->page) + ": " + damage->reason,
                                        {},
                                        "go back to a backup, or run 'piecemark salvage'"});
}

void Environment::Rooms::close() noexcept {
  map.close();
  lock_file.close();
  if (file) os::forget_in_forked_child(file.descriptor());
  file.close();
  if (std::exchange(is_registered, false)) OpenFiles::of_process().closed(file_id);
}

// LMDB notes the number of the last commit, and then copies what one of the two meta pages says. A reader that has to wait
// for the processor between the two may find that page written by the commit after the next: its snapshot would be newer
// than the commits that others see, and than its own next one. The number has grown by then. Where it has not, the page
// was not written by a commit.
MDB_txn* Environment::Rooms::begin_snapshot() {
  std::optional<std::uint64_t> doubted;
  bool is_settled = false;
  for (;;) {
    MDB_txn* const transaction = map.begin(MDB_RDONLY, "read from");
    const std::uint64_t commit = mdb_txn_id(transaction);
    if (!guard.holds(transaction, commit)) {
      mdb_txn_abort(transaction);
      if (std::exchange(doubted, commit) == commit) throw_overwritten("read from");
    } else if (!tables.are_known(transaction)) {
      mdb_txn_abort(transaction);
      tables.adopt();
    } else if (!is_settled && write_lock && !options.read_only && guard.holds_later(transaction, commit) &&
               !locks->holder(FileLock::write)) {
      mdb_txn_abort(transaction);
      is_settled = true;
      settle_later_commit();
    } else {
      return transaction;
    }
  }
}

// Nobody is writing, and yet there is a commit after the last one that was noted. The process that made it may have been
// killed before it could note it: that is done with the next write transaction. Else nobody of those who have the file open
// has made it, which that transaction says too.
void Environment::Rooms::settle_later_commit() {
  if (!write_lock->try_acquire()) return;
  try {
    writer_thread.start();
    abort_writing(begin_writing());
  } catch (...) {
    write_lock->release();
    throw;
  }
  write_lock->release();
}

MDB_txn* Environment::Rooms::begin_writing() {
  for (;;) {
    MDB_txn* const transaction = map.begin(0, "write to", &writer_thread);
    const std::uint64_t base = mdb_txn_id(transaction) - 1;
    const bool is_intact = guard.holds(transaction, base) && !guard.holds_later(transaction, base);
    if (is_intact && tables.are_known(transaction)) return transaction;
    abort_writing(transaction);
    if (!is_intact) throw_overwritten("write to");
    tables.adopt();
  }
}

void Environment::Rooms::abort_writing(MDB_txn* transaction) noexcept {
  auto abort = [&]() noexcept { mdb_txn_abort(transaction); };
  writer_thread.run(abort);
}

void Environment::Rooms::acquire_write_lock(Environment& environment, std::uint32_t timeout_ms,
                                            const OnWait& on_wait) {
  write_lock->acquire(timeout_ms, on_wait);
  if (is_at_its_path()) return;
  write_lock->release();
  // A file that was removed, or replaced by somebody else, has no note.
  bool is_noted = false;
  {
    Map::Visit visit(map);
    MDB_txn* const handle = begin_snapshot();
    visit.stay();
    if (readers) readers->count_one();
    is_noted = notes.is_noted_as_replaced(ReadTransaction(environment.shared_from_this(), handle));
  }
  if (is_noted) throw_replaced("write to", "the file was compacted: another one has its name now");
  throw Error(ErrorCode::reopen_needed, {"cannot write to '" + path + "'",
                                         "the file was removed or replaced by another",
                                         {},
                                         "close the store and open it again"});
}

void Environment::Rooms::end_read(MDB_txn* transaction) noexcept {
  if (is_forked()) return;
  mdb_txn_abort(transaction);
  map.leave();
  if (readers) readers->remove();
}

void Environment::Rooms::end_write(MDB_txn* transaction, WriterHold hold) noexcept {
  if (is_forked()) return;
  hold == WriterHold::nothing ? mdb_txn_abort(transaction) : abort_writing(transaction);
  tables.forget_created();
  map.leave();
  if (hold == WriterHold::write_lock) write_lock->release();
}

int Environment::Rooms::commit_in_lmdb(MDB_txn* transaction, const Commit& commit) noexcept {
  int code = MDB_SUCCESS;
  auto work = [&]() noexcept {
    mdb_env_set_flags(map.handle(), MDB_NOMETASYNC, commit.durability == Durability::relaxed ? 1 : 0);
    code = mdb_txn_commit(transaction);
  };
  commit.hold == WriterHold::nothing ? work() : writer_thread.run(work);
  return code;
}

void Environment::Rooms::commit(MDB_txn* transaction, const Commit& commit) {
  if (is_forked()) check_usable("commit to");
  const std::uint64_t number = mdb_txn_id(transaction);
  const int code = commit_in_lmdb(transaction, commit);
  has_committed = true;
  std::exception_ptr failure;
  if (code == MDB_SUCCESS) {
    tables.keep_created();
    if (commit.mark && lock_file) lock_file.shared().set_last_commit(*commit.mark);
    if (commit.changes && commit.durability == Durability::full) durable_commit = number;
  } else {
    tables.forget_created();
    failure = failed_commit(code);
  }
  map.leave();
  if (commit.hold == WriterHold::write_lock) write_lock->release();
  if (failure) std::rethrow_exception(failure);
  // LMDB waits for nothing where nothing has changed; commits before may not have waited either.
  if (!commit.changes && commit.durability == Durability::full && file) sync(number - 1);
}

void Environment::Rooms::sync(std::uint64_t commit) {
  if (durable_commit.load() >= commit) return;
  if (const auto error = os::sync_data(file)) {
    map.poison();  // Nobody knows what the disk has.
    throw_system_error(error, "cannot sync '" + path + "'", path);
  }
  std::uint64_t before = durable_commit.load();
  while (before < commit && !durable_commit.compare_exchange_weak(before, commit)) {
  }
}

// What to throw after a failed commit. Never throws itself, not even for want of memory: the write lock must be released.
std::exception_ptr Environment::Rooms::failed_commit(int code) noexcept {
  try {
    const std::string attempted = "cannot commit to '" + path + "'";
    if (code == MDB_MAP_FULL) {
      map.want_larger();
      return std::make_exception_ptr(map.full_map(attempted));
    }
    const Error error = lmdb_error(code, attempted, path);
    // A full disk is met before anything is made visible, unless LMDB says otherwise when asked again. After
    // any other failure nobody knows what reached the disk.
    MDB_txn* probe = nullptr;
    if (error.code() != ErrorCode::disk_full ||
        mdb_txn_begin(map.handle(), nullptr, MDB_RDONLY, &probe) == MDB_PANIC) {
      map.poison();
    }
    if (probe != nullptr) mdb_txn_abort(probe);
    return std::make_exception_ptr(error);
  } catch (...) {
    map.poison();
    return std::current_exception();
  }
}

}  // namespace piecemark::engine
