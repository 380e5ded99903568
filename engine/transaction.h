// Transactions, cursors and tables: LMDB's calls as types that clean up after themselves and report failures
// as Error. Only keys and values pass through; what they mean is decided above.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "commit_anchor.h"
#include "piecemark/durability.h"

struct MDB_txn;
struct MDB_cursor;
struct MDB_val;

namespace piecemark::engine {

class Batch;
class Environment;

// A named table of the file. Valid as long as its environment.
struct Table {
  unsigned handle = kMissing;
  std::string_view name;

  // Of a table that the file does not have (EnvironmentOptions::required_tables).
  static constexpr unsigned kMissing = ~0U;
};

// LMDB's own table, whose keys are the names of the others.
inline constexpr Table kTableOfTables{1, "tables"};

// A consistent snapshot. Bytes returned point into the map and end with the transaction.
// Threads  one at a time; it may move between threads.
class ReadTransaction {
 public:
  ReadTransaction(ReadTransaction&& other) noexcept;
  ReadTransaction& operator=(ReadTransaction&& other) noexcept;
  ~ReadTransaction();

  std::optional<Bytes> get(const Table& table, Bytes key) const;
  // The first entry whose key is not less.
  struct Entry {
    Bytes key;
    Bytes value;
  };
  std::optional<Entry> seek(const Table& table, Bytes key) const;
  // The last entry whose key is less.
  std::optional<Entry> before(const Table& table, Bytes key) const;
  // False for a table that is missing in this snapshot; no other call may be given it.
  bool has(const Table& table) const;
  std::uint64_t entries(const Table& table) const;
  // Of all tables that the snapshot has, those included that its environment does not name.
  std::vector<std::string> table_names() const;
  // What the pages of the table take in the file.
  std::uint64_t bytes_of(const Table& table) const;
  // What earlier commits have freed within the file for the next one to use; it cannot use what the last one has
  // freed.  Cost  reads the free list
  std::uint64_t free_bytes() const;
  // What commits after that of the snapshot `id` have freed within the file: what a reader of that snapshot keeps from
  // being used again.  Cost  reads the free list
  std::uint64_t bytes_freed_after(std::uint64_t id) const;
  // Grows with every commit; equal ids are equal snapshots.
  std::uint64_t id() const;

  const std::shared_ptr<Environment>& environment() const { return environment_; }

 protected:
  friend class Environment;
  friend class Cursor;
  ReadTransaction(std::shared_ptr<Environment> environment, MDB_txn* handle);

  void end() noexcept;
  void open_seeker(const Table& table) const;
  bool move_seeker(MDB_val& key, MDB_val& value, int operation) const;
  void close_seeker() const noexcept;
  // The bytes in free pages that commits with these numbers have left.
  std::uint64_t bytes_freed_by(std::uint64_t first, std::uint64_t last) const;

  std::shared_ptr<Environment> environment_;
  MDB_txn* handle_ = nullptr;
  // The cursor of seek(): opening one for each call would cost a tenth of it.
  mutable MDB_cursor* seeker_ = nullptr;
  mutable unsigned seeker_table_ = Table::kMissing;
};

// What a write transaction holds until its end.
enum class WriterHold : std::uint8_t {
  nothing,     // the file is in creation: nobody else knows it
  thread,      // LMDB's mutex, on the writer thread; the write lock is its user's
  write_lock,  // both
};

// The one write transaction of the file; it reads its own writes. Destroyed without commit(), it leaves no trace.
// Bytes returned are valid until the next write.
// Threads  one at a time; it may move between threads, and end on any.
// After an error from a write the transaction is broken: every further write throws invalid_use, and commit too.
class WriteTransaction : public ReadTransaction {
 public:
  WriteTransaction(WriteTransaction&&) noexcept = default;
  WriteTransaction& operator=(WriteTransaction&&) noexcept;
  ~WriteTransaction();

  // Errors  invalid_use    after the end, or broken
  //         reopen_needed  the file was overwritten since the transaction began
  void require_open() const;

  // Makes all changes of the batch: the last step of a statement, which has only read before.
  // Errors  After one the transaction is broken: a part of the changes may have been made.
  void apply(const Batch& batch);

  void put(const Table& table, Bytes key, Bytes value);
  // Stores only where the key is free; false, and nothing changed, where it is taken.
  bool insert(const Table& table, Bytes key, Bytes value);
  bool erase(const Table& table, Bytes key);
  // Deletes every entry whose key begins with the prefix.
  void erase_prefix(const Table& table, Bytes prefix);
  void clear(const Table& table);
  // For a caller that has stopped halfway: from now on the transaction is broken.
  void poison() noexcept { is_broken_ = true; }
  // Makes the tables of the environment that the file lacks. They come to stay with the commit.
  void create_missing_tables();

  // Done as durability.h says when it returns; the transaction is over in any case.
  // Errors  disk_full  nothing was stored
  //         io_error   it is unknown what reached the disk; the environment must be opened again
  void commit(Durability durability = Durability::full);

 private:
  friend class Creation;
  friend class Environment;
  friend class Replacement;
  friend class TableWriter;
  WriteTransaction(std::shared_ptr<Environment> environment, MDB_txn* handle, const CommitAnchor& anchor,
                   WriterHold hold)
      : ReadTransaction(std::move(environment), handle), anchor_(anchor), hold_(hold) {}

  int store(const Table& table, Bytes key, Bytes value, unsigned flags);
  void check(int code, const char* attempted);
  void rollback() noexcept;
  std::optional<CommitMark> last_told() const;
  // The commit itself, after the notes of the environment were written.
  void finish(Durability durability, const std::optional<CommitMark>& mark);

  CommitAnchor anchor_;
  WriterHold hold_ = WriterHold::nothing;
  bool is_broken_ = false;
  bool has_written_ = false;
};

// For work in several steps that cannot be taken back: poisons the transaction unless finish() is reached.
class PoisonGuard {
 public:
  explicit PoisonGuard(WriteTransaction& transaction) : transaction_(transaction) {}
  PoisonGuard(const PoisonGuard&) = delete;
  PoisonGuard& operator=(const PoisonGuard&) = delete;
  ~PoisonGuard() {
    if (!is_finished_) transaction_.poison();
  }
  void finish() noexcept { is_finished_ = true; }

 private:
  WriteTransaction& transaction_;
  bool is_finished_ = false;
};

// Writes many entries to one table, each near the one before, for less than single writes cost: it stays where it
// wrote last.
// Lifetime  ends before its transaction.
class TableWriter {
 public:
  TableWriter(WriteTransaction& transaction, const Table& table);
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;
  ~TableWriter();

  void put(Bytes key, Bytes value);
  // Fills pages completely. False, and nothing changed, unless the key is greater than all others of the table.
  bool append(Bytes key, Bytes value);

 private:
  int store(Bytes key, Bytes value, unsigned flags);

  WriteTransaction& transaction_;
  MDB_cursor* handle_ = nullptr;
};

// Walks a table in key order. Bytes are valid until the cursor moves or the transaction writes.
class Cursor {
 public:
  Cursor(const ReadTransaction& transaction, const Table& table);
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  bool first();
  bool last();
  // To the first key that is not less.
  bool seek(Bytes key);
  bool next();
  bool previous();
  // Reads the entry at hand once more: its bytes may have moved since the transaction wrote.
  void reread();

  Bytes key() const { return key_; }
  Bytes value() const { return value_; }

 private:
  friend class WriteTransaction;
  bool move(int operation);

  const ReadTransaction* transaction_;
  MDB_cursor* handle_ = nullptr;
  Bytes key_;
  Bytes value_;
};

}  // namespace piecemark::engine
