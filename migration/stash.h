// The stash: what a downgrade has set aside because the older format cannot hold it. Older formats ignore it.
//
// Entries wait for the upgrade that takes the same step back up. What cannot return then is left over: it is
// kept with the reason, and never returns by itself, so that an upgrade right after a downgrade always gives
// back exactly what was there.
//
//   key    step (4 bytes, big-endian: its older format), state (1), what (1), run (4, big-endian), id (16)
//   value  record: run, reason, component as of the newer format
//
// Each id waits at most once for a step, and all that waits for a step is of one run: a step goes down again only
// after it has gone up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/transaction.h"
#include "index/format.h"
#include "piecemark/receipt.h"

namespace piecemark::migration {

// An entry that borrows from the transaction. Of an identifier, only the columns of SetAside are set.
struct StashRow {
  SetAside::What what = SetAside::What::row;
  std::uint32_t run = 0;
  std::string_view reason;
  ComponentRow row;
};
SetAside to_set_aside(const StashRow& entry);

class Stash {
 public:
  using What = SetAside::What;
  enum class State : std::uint8_t { waiting = 1, left_over = 2 };

  explicit Stash(const engine::Table& table) : table_(table) {}

  std::uint64_t count(const engine::ReadTransaction& transaction) const {
    return transaction.entries(table_);
  }

  // All entries: by step, waiting before left over, identifiers before rows, then by run and id.
  // Errors  corrupt_record
  using Visitor = std::function<void(State state, const StashRow& entry)>;
  void for_each(const engine::ReadTransaction& transaction, const Visitor& visit) const;

  // Removes what waits for the step to `newer`.
  void clear_waiting(engine::WriteTransaction& transaction, const index::Format& newer) const;
  // Removes what is left over, of all steps.
  void clear_left_over(engine::WriteTransaction& transaction) const;
  void clear(engine::WriteTransaction& transaction) const { transaction.clear(table_); }
  // Everything, as it is, into the empty stash of another file, but for what waits for the steps to these formats.
  void copy_to(const Stash& other, const engine::ReadTransaction& from, engine::WriteTransaction& to,
               const std::vector<const index::Format*>& returning) const;

  // The entries of one kind that wait for the step to `newer`, in the order of their ids.
  class Waiting {
   public:
    Waiting(const Stash& stash, const engine::ReadTransaction& transaction, const index::Format& newer,
            What what);
    bool at_end() const { return at_end_; }
    // Of the entry at hand.
    const Uuid& id() const { return id_; }
    // The entry at hand, until the transaction writes.
    StashRow read();
    void next() { settle(cursor_.next()); }

   private:
    void settle(bool found);

    engine::Table table_;
    engine::Cursor cursor_;
    std::string prefix_;
    Uuid id_;
    bool at_end_ = false;
  };

  // Puts entries for the step to `newer`, fastest in the order of the table: identifiers before rows, by id.
  // Lifetime  ends before its transaction.
  class Writer {
   public:
    Writer(const Stash& stash, engine::WriteTransaction& transaction, const index::Format& newer);
    // The entry may borrow from the transaction.
    void put(State state, const StashRow& entry);

   private:
    engine::Table table_;
    engine::TableWriter writer_;
    const index::Format& newer_;
    bool is_appending_ = true;
    std::string key_;
    std::string record_;
  };

 private:
  bool holds_only(const engine::ReadTransaction& transaction, const std::string& prefix) const;

  engine::Table table_;
};

}  // namespace piecemark::migration
