#include "transaction.h"

#include <lmdb.h>

#include <utility>

#include "batch.h"
#include "lmdb_error.h"
#include "rooms.h"
#include "transactions.h"

namespace piecemark::engine {
namespace {

MDB_val to_value(Bytes bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
Bytes to_bytes(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

std::string attempt(const char* what, const Environment& environment) {
  return std::string("cannot ") + what + " '" + environment.path() + "'";
}

}  // namespace

ReadTransaction::ReadTransaction(std::shared_ptr<Environment> environment, MDB_txn* handle)
    : environment_(std::move(environment)), handle_(handle) {}

ReadTransaction::ReadTransaction(ReadTransaction&& other) noexcept
    : environment_(std::move(other.environment_)),
      handle_(std::exchange(other.handle_, nullptr)),
      seeker_(std::exchange(other.seeker_, nullptr)),
      seeker_table_(other.seeker_table_) {}

ReadTransaction& ReadTransaction::operator=(ReadTransaction&& other) noexcept {
  if (this != &other) {
    end();
    environment_ = std::move(other.environment_);
    handle_ = std::exchange(other.handle_, nullptr);
    seeker_ = std::exchange(other.seeker_, nullptr);
    seeker_table_ = other.seeker_table_;
  }
  return *this;
}

ReadTransaction::~ReadTransaction() {
  end();
}

void ReadTransaction::close_seeker() const noexcept {
  if (seeker_ != nullptr) mdb_cursor_close(std::exchange(seeker_, nullptr));
}

void ReadTransaction::end() noexcept {
  if (handle_ == nullptr) return;
  close_seeker();
  Transactions(*environment_->rooms_).end_read(std::exchange(handle_, nullptr));
}

std::optional<Bytes> ReadTransaction::get(const Table& table, Bytes key) const {
  MDB_val wanted = to_value(key);
  MDB_val found{};
  const int code = mdb_get(handle_, table.handle, &wanted, &found);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  return to_bytes(found);
}

void ReadTransaction::open_seeker(const Table& table) const {
  if (seeker_ != nullptr && seeker_table_ == table.handle) return;
  close_seeker();
  const int code = mdb_cursor_open(handle_, table.handle, &seeker_);
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  seeker_table_ = table.handle;
}

bool ReadTransaction::move_seeker(MDB_val& key, MDB_val& value, int operation) const {
  const int code = mdb_cursor_get(seeker_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_NOTFOUND) return false;
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  return true;
}

std::optional<ReadTransaction::Entry> ReadTransaction::seek(const Table& table, Bytes key) const {
  open_seeker(table);
  MDB_val wanted = to_value(key);
  MDB_val found{};
  if (!move_seeker(wanted, found, MDB_SET_RANGE)) return std::nullopt;
  return Entry{to_bytes(wanted), to_bytes(found)};
}

std::optional<ReadTransaction::Entry> ReadTransaction::before(const Table& table, Bytes key) const {
  open_seeker(table);
  MDB_val wanted = to_value(key);
  MDB_val found{};
  const bool is_any_behind = move_seeker(wanted, found, MDB_SET_RANGE);
  if (!move_seeker(wanted, found, is_any_behind ? MDB_PREV : MDB_LAST)) return std::nullopt;
  return Entry{to_bytes(wanted), to_bytes(found)};
}

bool ReadTransaction::has(const Table& table) const {
  MDB_stat statistics{};
  return mdb_stat(handle_, table.handle, &statistics) == MDB_SUCCESS;
}

std::uint64_t ReadTransaction::entries(const Table& table) const {
  MDB_stat statistics{};
  const int code = mdb_stat(handle_, table.handle, &statistics);
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  return statistics.ms_entries;
}

std::vector<std::string> ReadTransaction::table_names() const {
  std::vector<std::string> names;
  Cursor cursor(*this, kTableOfTables);
  for (bool found = cursor.first(); found; found = cursor.next()) names.emplace_back(cursor.key());
  return names;
}

std::uint64_t ReadTransaction::bytes_of(const Table& table) const {
  MDB_stat statistics{};
  const int code = mdb_stat(handle_, table.handle, &statistics);
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  return (statistics.ms_branch_pages + statistics.ms_leaf_pages + statistics.ms_overflow_pages) *
         statistics.ms_psize;
}

std::uint64_t ReadTransaction::free_bytes() const {
  return bytes_freed_by(0, id() - 1);
}

std::uint64_t ReadTransaction::bytes_freed_after(std::uint64_t id) const {
  return bytes_freed_by(id + 1, UINT64_MAX);
}

std::uint64_t ReadTransaction::bytes_freed_by(std::uint64_t first, std::uint64_t last) const {
  constexpr MDB_dbi kFreeList = 0;
  MDB_stat statistics{};
  const int code = mdb_stat(handle_, kFreeList, &statistics);
  if (code != MDB_SUCCESS) throw lmdb_error(code, attempt("read from", *environment_), environment_->path());
  std::uint64_t pages = 0;
  Cursor cursor(*this, {kFreeList, "free list"});
  for (bool found = cursor.first(); found; found = cursor.next()) {
    // Page numbers that one commit has freed, after their count.
    if (cursor.key().size() != sizeof pages || cursor.value().size() < sizeof pages) continue;
    const auto commit = load<std::uint64_t>(cursor.key().data());
    if (commit > last) break;
    if (commit >= first) pages += load<std::uint64_t>(cursor.value().data());
  }
  return pages * statistics.ms_psize;
}

std::uint64_t ReadTransaction::id() const {
  return mdb_txn_id(handle_);
}

WriteTransaction& WriteTransaction::operator=(WriteTransaction&& other) noexcept {
  if (this != &other) {
    rollback();
    anchor_ = other.anchor_;
    hold_ = other.hold_;
    has_written_ = other.has_written_;
    is_broken_ = std::exchange(other.is_broken_, false);
    ReadTransaction::operator=(std::move(other));
  }
  return *this;
}

WriteTransaction::~WriteTransaction() {
  rollback();
}

void WriteTransaction::rollback() noexcept {
  close_seeker();
  if (handle_ != nullptr)
    Transactions(*environment_->rooms_).end_write(std::exchange(handle_, nullptr), hold_);
}

void WriteTransaction::check(int code, const char* attempted) {
  if (code == MDB_SUCCESS) {
    has_written_ = true;
    return;
  }
  is_broken_ = true;
  if (code == MDB_MAP_FULL) {
    environment_->rooms_->map.want_larger();
    throw environment_->rooms_->map.full_map(attempt(attempted, *environment_));
  }
  throw lmdb_error(code, attempt(attempted, *environment_), environment_->path());
}

void WriteTransaction::require_open() const {
  if (handle_ != nullptr && !is_broken_) {
    environment_->rooms_->check_usable("write to");
    if (!anchor_.holds()) environment_->rooms_->throw_overwritten("write to");
    if (hold_ == WriterHold::write_lock) environment_->rooms_->write_lock->note_thread();
    return;
  }
  throw Error(ErrorCode::invalid_use, {attempt("write to", *environment_),
                                       "a write transaction that has ended or failed",
                                       {},
                                       "begin a new write transaction"});
}

int WriteTransaction::store(const Table& table, Bytes key, Bytes value, unsigned flags) {
  require_open();
  MDB_val wanted = to_value(key);
  MDB_val stored = to_value(value);
  return mdb_put(handle_, table.handle, &wanted, &stored, flags);
}

// What is erased goes first: its pages can be used again for what is stored.
void WriteTransaction::apply(const Batch& batch) {
  require_open();
  PoisonGuard guard(*this);
  for (const Batch::OfTable& of : batch.tables_) {
    const Batch::Changes changes = batch.of(of.table);
    for (const Batch::Change& change : changes) {
      if (change.erases) erase(of.table, change.key);
    }
    for (const Batch::Change& change : changes) {
      if (!change.erases) put(of.table, change.key, change.value);
    }
  }
  guard.finish();
}

void WriteTransaction::put(const Table& table, Bytes key, Bytes value) {
  check(store(table, key, value, 0), "write to");
}

bool WriteTransaction::insert(const Table& table, Bytes key, Bytes value) {
  const int code = store(table, key, value, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return false;
  check(code, "write to");
  return true;
}

bool WriteTransaction::erase(const Table& table, Bytes key) {
  require_open();
  MDB_val wanted = to_value(key);
  const int code = mdb_del(handle_, table.handle, &wanted, nullptr);
  if (code == MDB_NOTFOUND) return false;
  check(code, "delete from");
  return true;
}

void WriteTransaction::erase_prefix(const Table& table, Bytes prefix) {
  require_open();
  Cursor cursor(*this, table);
  for (bool found = cursor.seek(prefix); found && cursor.key().starts_with(prefix);
       found = cursor.seek(prefix)) {
    check(mdb_cursor_del(cursor.handle_, 0), "delete from");
  }
}

void WriteTransaction::clear(const Table& table) {
  require_open();
  check(mdb_drop(handle_, table.handle, 0), "delete from");
}

void WriteTransaction::create_missing_tables() {
  require_open();
  PoisonGuard guard(*this);
  if (environment_->rooms_->tables.create_missing(handle_)) has_written_ = true;
  guard.finish();
}

void WriteTransaction::commit(Durability durability) {
  if (handle_ == nullptr || is_broken_) {
    throw Error(ErrorCode::invalid_use, {attempt("commit to", *environment_),
                                         "a write transaction that has ended or failed",
                                         {},
                                         "begin a new write transaction and repeat the changes"});
  }
  environment_->rooms_->check_usable("commit to");
  if (!anchor_.holds()) environment_->rooms_->throw_overwritten("commit to");
  finish(durability, has_written_ ? environment_->rooms_->notes.write(*this, last_told()) : std::nullopt);
}

// The mark that this transaction has begun from, if its writer has told of it: if not, others could not tell by it whether
// the file was overwritten.
std::optional<CommitMark> WriteTransaction::last_told() const {
  LockFile& lock_file = environment_->rooms_->lock_file;
  if (!lock_file) return std::nullopt;
  const auto last = lock_file.shared().last_commit();
  const CommitFacts base = anchor_.facts();
  return last && last->commit == base.commit && last->random == base.random ? last : std::nullopt;
}

void WriteTransaction::finish(Durability durability, const std::optional<CommitMark>& mark) {
  close_seeker();
  Transactions(*environment_->rooms_)
      .commit(std::exchange(handle_, nullptr),
              {.durability = durability, .changes = has_written_, .hold = hold_, .mark = mark});
}

TableWriter::TableWriter(WriteTransaction& transaction, const Table& table) : transaction_(transaction) {
  transaction.require_open();
  transaction.check(mdb_cursor_open(transaction.handle_, table.handle, &handle_), "write to");
}

TableWriter::~TableWriter() {
  // A transaction that is over has closed its cursors.
  if (transaction_.handle_ != nullptr) mdb_cursor_close(handle_);
}

int TableWriter::store(Bytes key, Bytes value, unsigned flags) {
  transaction_.require_open();
  MDB_val wanted = to_value(key);
  MDB_val stored = to_value(value);
  return mdb_cursor_put(handle_, &wanted, &stored, flags);
}

void TableWriter::put(Bytes key, Bytes value) {
  transaction_.check(store(key, value, 0), "write to");
}

bool TableWriter::append(Bytes key, Bytes value) {
  const int code = store(key, value, MDB_APPEND);
  if (code == MDB_KEYEXIST) return false;
  transaction_.check(code, "write to");
  return true;
}

Cursor::Cursor(const ReadTransaction& transaction, const Table& table) : transaction_(&transaction) {
  const int code = mdb_cursor_open(transaction.handle_, table.handle, &handle_);
  if (code != MDB_SUCCESS) {
    const Environment& environment = *transaction.environment();
    throw lmdb_error(code, attempt("read from", environment), environment.path());
  }
}

Cursor::Cursor(Cursor&& other) noexcept
    : transaction_(other.transaction_),
      handle_(std::exchange(other.handle_, nullptr)),
      key_(other.key_),
      value_(other.value_) {}

Cursor::~Cursor() {
  if (handle_ != nullptr) mdb_cursor_close(handle_);
}

bool Cursor::first() {
  return move(MDB_FIRST);
}

bool Cursor::last() {
  return move(MDB_LAST);
}

bool Cursor::seek(Bytes key) {
  key_ = key;
  return move(MDB_SET_RANGE);
}

void Cursor::reread() {
  move(MDB_GET_CURRENT);
}

bool Cursor::next() {
  return move(MDB_NEXT);
}

bool Cursor::previous() {
  return move(MDB_PREV);
}

bool Cursor::move(int operation) {
  MDB_val key = to_value(key_);
  MDB_val value{};
  const int code = mdb_cursor_get(handle_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_NOTFOUND) return false;
  if (code != MDB_SUCCESS) {
    const Environment& environment = *transaction_->environment();
    throw lmdb_error(code, attempt("read from", environment), environment.path());
  }
  key_ = to_bytes(key);
  value_ = to_bytes(value);
  return true;
}

}  // namespace piecemark::engine
