// The changes that a statement will make to the tables of a file, worked out before the first of them is made.
//
// A statement reads, fills a batch, and applies it as its last step (WriteTransaction::apply). Whatever throws before that
// leaves the transaction as it was; an error while the batch is applied breaks the transaction.
//
// Invariant  Of each table the changes are sorted by key, and a key has one change: the last one that was asked for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bytes.h"
#include "transaction.h"

namespace piecemark::engine {

class Batch {
 public:
  struct Change {
    std::string key;
    std::string value;
    bool erases = false;
  };

  // Stores the value that the caller writes into the string, which is empty at first and stays where it is until the next
  // call. The key may not borrow from the batch.
  std::string& put(const Table& table, Bytes key);
  // Where there is no such key, nothing happens.
  void erase(const Table& table, Bytes key);
  // Keeps some memory for the next statement.
  void clear() noexcept;

  bool is_empty() const;
  // The changes of a table, in the order of their keys.
  class Changes {
   public:
    const Change* begin() const { return begin_; }
    const Change* end() const { return end_; }
    // The first one whose key is not less.
    const Change* lower_bound(Bytes key) const;
    const Change* find(Bytes key) const;  // nullptr if there is none

   private:
    friend class Batch;
    Changes(const Change* begin, const Change* end) : begin_(begin), end_(end) {}
    const Change* begin_;
    const Change* end_;
  };
  Changes of(const Table& table) const;

 private:
  friend class WriteTransaction;

  struct OfTable {
    Table table;
    std::vector<Change> changes;  // after the first `count` follow some whose memory is used again
    std::size_t count = 0;

    Change& add(Bytes key);
  };

  OfTable& changes_of(const Table& table);

  std::vector<OfTable> tables_;
};

// Runs statements one after the other, each in memory that the one before has used.
// Lifetime  ends before the transaction
class Statements {
 public:
  explicit Statements(WriteTransaction& transaction) : transaction_(transaction) {}

  // Lets `plan` fill the batch, which is empty, applies it, and returns what `plan` has returned.
  template <class Plan>
  auto run(const Plan& plan) {
    transaction_.require_open();
    batch_.clear();
    if constexpr (std::is_void_v<decltype(plan(batch_))>) {
      plan(batch_);
      transaction_.apply(batch_);
    } else {
      auto result = plan(batch_);
      transaction_.apply(batch_);
      return result;
    }
  }

 private:
  WriteTransaction& transaction_;
  Batch batch_;
};

// A table as it will be once a batch is applied: what is found there, or why nothing is.
// Lifetime  ends before both; entries are valid until either changes.
class PendingTable {
 public:
  PendingTable(const ReadTransaction& transaction, const Table& table, const Batch& batch)
      : transaction_(transaction), table_(table), changes_(batch.of(table)) {}

  using Entry = ReadTransaction::Entry;
  // The first entry whose key is not less.
  std::optional<Entry> seek(Bytes key) const;
  // The first entry whose key is greater.
  std::optional<Entry> after(Bytes key) const;
  // The last entry whose key is less.
  std::optional<Entry> before(Bytes key) const;

 private:
  const ReadTransaction& transaction_;
  const Table& table_;
  Batch::Changes changes_;
};

}  // namespace piecemark::engine
