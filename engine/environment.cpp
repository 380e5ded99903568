#include "environment.h"

#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "lmdb_error.h"
#include "open_files.h"
#include "rooms.h"
#include "transactions.h"

namespace piecemark::engine {

Environment::Environment(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Environment::~Environment() = default;

Table Environment::table(std::size_t index) const {
  return rooms_->tables.table(index);
}

const std::string& Environment::path() const {
  return rooms_->path();
}

std::string Environment::folder() const {
  return os::folder_of(rooms_->path());
}

CreationOptions Environment::options_for_copy(unsigned times) const {
  os::FileFacts facts;
  FileOwner owner;
  std::error_code error = os::facts_of(rooms_->data.file(), facts);
  if (!error) error = owner_of(rooms_->data.file(), owner);
  if (error) throw_system_error(error, "cannot read '" + rooms_->path() + "'", rooms_->path());
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
  os::facts_of(rooms_->data.file(), facts);
  return {
      .file_bytes = facts.size_bytes,
      .pages_used = rooms_->map.pages_used(),
      .map_bytes = rooms_->map.size_bytes(),
      .readers = rooms_->readers ? rooms_->readers->count_living() : 0,
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
  return rooms_->commits.has_committed() ? 0 : std::min(bytes_to_write, kMost);
}

// ------------------------------------------------------------------------------------------------- Transactions

ReadTransaction Environment::begin_read(Deadline copied_since) {
  Rooms& rooms = *rooms_;
  rooms.check_usable("read from");
  if (rooms.copy && !rooms.copy.is_current(rooms.data.file(), copied_since)) {
    rooms.unregister();
    rooms.throw_replaced("read from", "a private copy was read, and the file has changed since it was made");
  }
  if (rooms.readers) rooms.readers->add();
  Map::Visit visit(rooms.map);
  MDB_txn* handle = nullptr;
  try {
    handle = Transactions(rooms).begin_snapshot();
  } catch (...) {
    if (rooms.readers) rooms.readers->remove();
    throw;
  }
  visit.stay();
  ReadTransaction transaction(shared_from_this(), handle);
  if (rooms.notes.is_noted_as_replaced(transaction) && !rooms.data.is_at_its_path())
    rooms.throw_replaced("read from", "the file was compacted: another one has its name now");
  return transaction;
}

WriteTransaction Environment::begin_write() {
  return begin_write(rooms_->options.busy_timeout_ms);
}

WriteTransaction Environment::begin_write(std::uint32_t busy_timeout_ms, const OnWait& on_wait) {
  Rooms& rooms = *rooms_;
  rooms.require_opened_for_writing();
  rooms.write_lock->acquire(busy_timeout_ms, on_wait);
  try {
    require_own_path();
    rooms.readers->clear_dead_now_and_then();
    rooms.map.grow_if_needed();
    Map::Visit visit(rooms.map);
    MDB_txn* const handle = Transactions(rooms).begin_writing();
    visit.stay();
    return {shared_from_this(), handle, rooms.guard.anchor_of(handle, mdb_txn_id(handle) - 1),
            WriterHold::write_lock};
  } catch (...) {
    rooms.write_lock->release();
    throw;
  }
}

// A file that was removed, or replaced by somebody else, has no note.
void Environment::require_own_path() {
  Rooms& rooms = *rooms_;
  if (rooms.data.is_at_its_path()) return;
  bool is_noted = false;
  {
    Map::Visit visit(rooms.map);
    MDB_txn* const handle = Transactions(rooms).begin_snapshot();
    visit.stay();
    rooms.readers->count_one();
    is_noted = rooms.notes.is_noted_as_replaced(ReadTransaction(shared_from_this(), handle));
  }
  if (is_noted) rooms.throw_replaced("write to", "the file was compacted: another one has its name now");
  throw Error(ErrorCode::reopen_needed, {"cannot write to '" + rooms.path() + "'",
                                         "the file was removed or replaced by another",
                                         {},
                                         "close the store and open it again"});
}

void Environment::sync() {
  rooms_->check_usable("sync");
  rooms_->commits.sync(rooms_->data.file(), begin_read().id());
}

void Environment::verify_pages() {
  constexpr const char* kAttempted = "verify the pages of";
  Rooms& rooms = *rooms_;
  rooms.check_usable(kAttempted);
  if (rooms.copy) return require_sound_pages(rooms.copy.file(), rooms.path(), kAttempted);
  if (!rooms.write_lock) return require_sound_pages(rooms.data.file(), rooms.path(), kAttempted);
  if (rooms.options.read_only) {
    rooms.write_lock->acquire_shared(rooms.options.busy_timeout_ms);
  } else {
    rooms.write_lock->acquire(rooms.options.busy_timeout_ms);
  }
  try {
    require_sound_pages(rooms.data.file(), rooms.path(), kAttempted);
  } catch (...) {
    rooms.write_lock->release();
    throw;
  }
  rooms.write_lock->release();
}

// ------------------------------------------------------------------------------------------------------ Rooms

namespace {

Error overwritten(const char* attempted, const std::string& path) {
  return {ErrorCode::reopen_needed,
          {std::string("cannot ") + attempted + " '" + path + "'",
           "the file was overwritten while it was open: it holds other commits now",
           {},
           "nothing was written; close the store and open it again, in every program that has it open"}};
}

}  // namespace

Environment::Rooms::~Rooms() {
  if (!is_forked()) {
    close();
    return;
  }
  // In a forked child the map and the slots belong to the parent, and the descriptors are closed already.
  commits.abandon();
  map.abandon();
  lock_file.abandon();
  data.abandon();
}

void Environment::Rooms::check_usable(const char* attempted) const {
  if (is_forked()) {
    throw Error(ErrorCode::forked, {std::string("cannot ") + attempted + " '" + path() + "'",
                                    "a store opened before fork, used in the child",
                                    {},
                                    "open the store again in the child"});
  }
  if (!map.is_poisoned()) return;
  if (is_overwritten.load()) throw overwritten(attempted, path());
  throw lmdb_error(MDB_PANIC, std::string("cannot ") + attempted + " '" + path() + "'", path());
}

void Environment::Rooms::require_opened_for_writing() const {
  check_usable("write to");
  if (!options.read_only) return;
  throw Error(ErrorCode::read_only,
              {"cannot write to '" + path() + "'", "a store opened for reading", {}, "open it for writing"});
}

void Environment::Rooms::throw_overwritten(const char* attempted) {
  is_overwritten = true;
  map.poison();
  throw overwritten(attempted, path());
}

void Environment::Rooms::throw_replaced(const char* attempted, const char* found) {
  is_replaced = true;
  throw Error(ErrorCode::reopen_needed, {std::string("cannot ") + attempted + " '" + path() + "'",
                                         found,
                                         {},
                                         "close the store and open it again"});
}

void Environment::Rooms::unregister() noexcept {
  if (is_registered.exchange(false)) OpenFiles::of_process().closed(data.id());
}

void Environment::Rooms::close() noexcept {
  map.close();
  lock_file.close();
  data.close();
  unregister();
}

}  // namespace piecemark::engine
