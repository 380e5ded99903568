#include "transactions.h"

#include <lmdb.h>

#include <utility>

namespace piecemark::engine {

// LMDB notes the number of the last commit, and then copies what one of the two meta pages says. A reader that has to wait
// for the processor between the two may find that page written by the commit after the next: its snapshot would be newer
// than the commits that others see, and than its own next one. The number has grown by then. Where it has not, the page
// was not written by a commit.
MDB_txn* Transactions::begin_snapshot() {
  std::optional<std::uint64_t> doubted;
  bool is_settled = false;
  for (;;) {
    MDB_txn* const transaction = rooms_.map.begin(MDB_RDONLY, "read from");
    const std::uint64_t commit = mdb_txn_id(transaction);
    if (!rooms_.guard.holds(transaction, commit)) {
      mdb_txn_abort(transaction);
      if (std::exchange(doubted, commit) == commit) rooms_.throw_overwritten("read from");
    } else if (!rooms_.tables.are_known(transaction)) {
      mdb_txn_abort(transaction);
      rooms_.tables.adopt();
    } else if (is_followed_by_strange_commit(transaction)) {
      mdb_txn_abort(transaction);
      rooms_.throw_overwritten("read from");
    } else if (!is_settled && is_left_behind(transaction)) {
      mdb_txn_abort(transaction);
      is_settled = true;
      settle();
    } else {
      return transaction;
    }
  }
}

// Every writer announces its commit before it makes it.
bool Transactions::is_followed_by_strange_commit(MDB_txn* transaction) const {
  const std::uint64_t commit = mdb_txn_id(transaction);
  return rooms_.lock_file && rooms_.guard.holds_later(transaction, commit) &&
         rooms_.lock_file.shared().announced_commit() <= commit;
}

// Whether there is a commit after the last one that was noted, and nobody is writing. Only a writer can do something
// about it.
bool Transactions::is_left_behind(MDB_txn* transaction) const {
  return rooms_.write_lock && !rooms_.options.read_only &&
         rooms_.guard.holds_later(transaction, mdb_txn_id(transaction)) &&
         !rooms_.locks->holder(FileLock::write);
}

// A killed process may have made a commit before it could note it: LMDB does that when the next writer takes its mutex.
// Else no process has made it that has the file open, which the transaction shows too.
void Transactions::settle() {
  if (!rooms_.write_lock->try_acquire()) return;
  try {
    MDB_txn* const transaction = rooms_.commits.begin_here();
    const bool is_intact = is_from_last_commit(transaction);
    if (is_intact) tell_of(transaction);
    mdb_txn_abort(transaction);
    if (!is_intact) rooms_.throw_overwritten("write to");
  } catch (...) {
    rooms_.write_lock->release();
    throw;
  }
  rooms_.write_lock->release();
}

bool Transactions::is_from_last_commit(MDB_txn* transaction) const {
  const std::uint64_t base = mdb_txn_id(transaction) - 1;
  return rooms_.guard.holds(transaction, base) && !rooms_.guard.holds_later(transaction, base);
}

void Transactions::end_read(MDB_txn* transaction) noexcept {
  if (rooms_.is_forked()) return;
  mdb_txn_abort(transaction);
  rooms_.map.leave();
  if (rooms_.readers) rooms_.readers->remove();
}

MDB_txn* Transactions::begin_writing() {
  for (;;) {
    MDB_txn* const transaction = rooms_.commits.begin();
    const bool is_intact = is_from_last_commit(transaction);
    if (is_intact && rooms_.tables.are_known(transaction)) {
      tell_of(transaction);
      return transaction;
    }
    rooms_.commits.abort(transaction);
    if (!is_intact) rooms_.throw_overwritten("write to");
    rooms_.tables.adopt();
  }
}

// The writer before may have been killed after its commit, and files may come without a mark.
void Transactions::tell_of(MDB_txn* transaction) {
  const std::uint64_t base = mdb_txn_id(transaction) - 1;
  if (rooms_.lock_file && rooms_.lock_file.shared().told_commit() != base)
    rooms_.guard.tell(transaction, base);
}

void Transactions::end_write(MDB_txn* transaction, WriterHold hold) noexcept {
  if (rooms_.is_forked()) return;
  hold == WriterHold::nothing ? mdb_txn_abort(transaction) : rooms_.commits.abort(transaction);
  rooms_.tables.forget_created();
  rooms_.map.leave();
  if (hold == WriterHold::write_lock) rooms_.write_lock->release();
}

void Transactions::commit(MDB_txn* transaction, const Commit& commit) {
  if (rooms_.is_forked()) rooms_.check_usable("commit to");
  const std::uint64_t number = mdb_txn_id(transaction);
  const bool is_told = commit.changes && rooms_.lock_file;
  if (is_told) {
    SharedState& shared = rooms_.lock_file.shared();
    commit.mark ? shared.announce(*commit.mark) : shared.announce_without_mark(number);
  }
  const std::exception_ptr failure =
      rooms_.commits.commit(transaction, {.durability = commit.durability,
                                          .changes = commit.changes,
                                          .on_thread = commit.hold != WriterHold::nothing});
  if (failure) {
    rooms_.tables.forget_created();
  } else {
    rooms_.tables.keep_created();
    if (is_told && commit.mark) rooms_.guard.tell_made(*commit.mark);
  }
  rooms_.map.leave();
  if (commit.hold == WriterHold::write_lock) rooms_.write_lock->release();
  if (failure) std::rethrow_exception(failure);
  // LMDB waits for nothing where nothing has changed; commits before may not have waited either.
  if (!commit.changes && commit.durability == Durability::full && rooms_.data)
    rooms_.commits.sync(rooms_.data.file(), number - 1);
}

}  // namespace piecemark::engine
