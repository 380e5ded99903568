// How transactions of an open file begin and end: with the checks, locks and counts of its rooms around those of LMDB.
#pragma once

#include <optional>

#include "commit_anchor.h"
#include "piecemark/durability.h"
#include "rooms.h"
#include "transaction.h"

namespace piecemark::engine {

class Transactions {
 public:
  explicit Transactions(Environment::Rooms& rooms) : rooms_(rooms) {}

  // A snapshot of a commit that the file still holds, and all of whose tables are known. The caller is inside the map.
  // Errors  reopen_needed  the file was overwritten
  MDB_txn* begin_snapshot();
  void end_read(MDB_txn* transaction) noexcept;

  // The same for a write transaction, from the last commit. The caller holds the write lock, too.
  MDB_txn* begin_writing();
  // Makes a commit visible that a killed process has not noted, and sees whether the file was overwritten. Does nothing
  // where another thread or process writes: that does the same. The caller is inside the map.
  // Errors  reopen_needed
  void settle();
  void end_write(MDB_txn* transaction, WriterHold hold) noexcept;
  struct Commit {
    Durability durability = Durability::full;
    bool changes = false;
    WriterHold hold = WriterHold::nothing;
    std::optional<CommitMark> mark;  // for those who have the file open
  };
  void commit(MDB_txn* transaction, const Commit& commit);

 private:
  bool is_followed_by_strange_commit(MDB_txn* transaction) const;
  bool is_left_behind(MDB_txn* transaction) const;
  void tell_of(MDB_txn* transaction);
  bool is_from_last_commit(MDB_txn* transaction) const;

  Environment::Rooms& rooms_;
};

}  // namespace piecemark::engine
