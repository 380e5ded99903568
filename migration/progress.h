// Tells the caller of a migration how far it is, and stops when the caller asks for it.
#pragma once

#include <cstdint>
#include <string>

#include "index/layout.h"
#include "piecemark/migration_options.h"

namespace piecemark::migration {

class Progress {
 public:
  using Phase = MigrationProgress::Phase;

  // `attempted` begins the message of a migration that was stopped: "cannot upgrade ...".
  Progress(const MigrationOptions& options, std::string attempted)
      : options_(options), attempted_(std::move(attempted)) {}

  void set_work_total(std::uint64_t visits) { now_.work_total = visits; }
  // Errors  canceled, as in the calls below
  void enter(Phase phase, std::uint64_t rows_total);
  // One row further.  Cost  an increment, and a call every few thousand rows
  void advance() {
    ++now_.rows_done;
    if (++now_.work_done % kTellEvery == 0) tell();
  }
  void tell();

 private:
  static constexpr std::uint64_t kTellEvery = 4096;

  const MigrationOptions& options_;
  std::string attempted_;
  MigrationProgress now_;
};

// Tells of the passes of Layout::fill() over so many rows.
index::FillWatch watch_fill(Progress& progress, std::uint64_t rows);

}  // namespace piecemark::migration
