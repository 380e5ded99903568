// The proof of a migration: what a file holds, over table and stash, as fingerprints that do not depend on format,
// order and place.
#pragma once

#include <functional>

#include "index/components.h"
#include "piecemark/receipt.h"
#include "stash.h"

namespace piecemark::migration {

// The columns that two formats share, and those that only one of them has.
struct ColumnsOfRun {
  ColumnSet shared;
  ColumnSet extra;
};
ColumnsOfRun columns_of_run(const index::Format& from, const index::Format& to);

// Where to count: drawings and components in their tables, and the stash, in one transaction.
struct HoldingPlace {
  const engine::ReadTransaction& transaction;
  const index::Components& components;
  Stash stash;
};

// Calls `visit` for every component; what it throws ends the count.
// Errors  corrupt_record
Holdings count_holdings(const HoldingPlace& place, const ColumnsOfRun& columns,
                        const std::function<void()>& visit);

// The same, counted by a thread of its own over a transaction of its own while the caller goes on.
// Lifetime  the place outlives it.
class HoldingsAhead {
 public:
  HoldingsAhead(const HoldingPlace& place, const ColumnsOfRun& columns);
  HoldingsAhead(const HoldingsAhead&) = delete;
  HoldingsAhead& operator=(const HoldingsAhead&) = delete;
  // Ends the count where it is.
  ~HoldingsAhead();

  // Waits for the end of the count.  Errors  those of count_holdings
  Holdings get();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace piecemark::migration
