#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "piecemark/export.h"
#include "piecemark/receipt.h"

namespace piecemark {

// What a downgrade does with what the older format cannot hold.
enum class OnLoss : std::uint8_t {
  refuse,  // throw downgrade_refused; the file stays as it is
  stash,   // keep it in the file, out of sight of the older format; the next upgrade brings it back
};

// How far a migration is.
struct MigrationProgress {
  enum class Phase : std::uint8_t {
    waiting,  // for another writer to end; nothing is counted
    stash,    // looking through what a downgrade has set aside
    index,    // rewriting the index
    rows,     // rewriting the rows
    proof,    // reading everything again, for the fingerprint
    commit,   // making it durable: told once, before it begins, and then it can no longer be stopped
  };
  Phase phase = Phase::waiting;
  std::uint64_t rows_done = 0;  // of this phase
  std::uint64_t rows_total = 0;
  std::uint64_t work_done = 0;  // of the whole run, in visits to rows; the total is an estimate
  std::uint64_t work_total = 0;
};
// "rows", "proof", ...
PIECEMARK_API std::string_view name_of(MigrationProgress::Phase phase);

struct MigrationOptions {
  OnLoss on_loss = OnLoss::refuse;
  // Told of everything that is set aside (or would be), and of what cannot return on the way up, in no particular
  // order. Runs within the write transaction: it must not write to the store.
  std::function<void(const SetAside&)> on_set_aside{};
  // Told at the beginning of each phase, and within it every few thousand rows. False stops the migration, which then
  // throws canceled and leaves the file as it was.
  // Threads  the one that migrates
  std::function<bool(const MigrationProgress&)> on_progress{};
};

}  // namespace piecemark
