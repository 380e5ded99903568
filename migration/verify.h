// Reads a whole file and reports what does not hold: checksums, every index entry against its record and
// back, all constraints, counters, stash, receipts.
#pragma once

#include "engine/transaction.h"
#include "index/components.h"
#include "piecemark/verification.h"
#include "watch.h"

namespace piecemark::migration {

// Never throws for damage that it can describe.  Cost  one pass over every table, and a look-up for every row
// and entry.
// Errors  canceled, io_error
Verification verify(const engine::ReadTransaction& transaction, const index::Components& components,
                    Watch& watch);

}  // namespace piecemark::migration
