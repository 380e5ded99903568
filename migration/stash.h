// The stash: what a downgrade has set aside because the older format cannot hold it. Older formats ignore it.
//
// Entries wait for the upgrade that takes the same step back up. What cannot return then is left over: it is
// kept with the reason, and never returns by itself, so that an upgrade right after a downgrade always gives
// back exactly what was there.
//
//   key    step (4 bytes, big-endian: its older format), state (1), what (1), run (4, big-endian), id (16)
//   value  record: run, reason, component as of the newer format
//
// Each id waits at most once for a step: a step goes down again only after it has gone up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/transaction.h"
#include "index/format.h"
#include "piecemark/receipt.h"

namespace piecemark::migration {

class Stash {
 public:
  enum class State : std::uint8_t { waiting = 1, left_over = 2 };

  explicit Stash(const engine::Table& table) : table_(table) {}

  std::uint64_t count(const engine::ReadTransaction& transaction) const {
    return transaction.entries(table_);
  }

  // All entries: by step, waiting before left over, identifiers before rows, then by run and id.
  // Errors  corrupt_record
  using Visitor = std::function<void(State state, const SetAside& entry)>;
  void for_each(const engine::ReadTransaction& transaction, const Visitor& visit) const;

  // `newer` is the format above the step.
  void put(engine::WriteTransaction& transaction, const index::Format& newer, State state,
           const SetAside& entry) const;
  // Removes what waits for the step to `newer`.
  void clear_waiting(engine::WriteTransaction& transaction, const index::Format& newer) const;

  // The entries of one kind that wait for the step to `newer`, in the order of their ids. Valid while the
  // stash is not written.
  class Waiting {
   public:
    Waiting(const Stash& stash, const engine::ReadTransaction& transaction, const index::Format& newer,
            SetAside::What what);
    // The entry at hand, or nullptr at the end.
    const SetAside* entry() const { return entry_ ? &*entry_ : nullptr; }
    void next();

   private:
    void read(bool found);

    engine::Table table_;
    engine::Cursor cursor_;
    std::string prefix_;
    std::optional<SetAside> entry_;
  };

 private:
  engine::Table table_;
};

}  // namespace piecemark::migration
