#include "progress.h"

#include <algorithm>

#include "piecemark/error.h"

namespace piecemark {

std::string_view name_of(MigrationProgress::Phase phase) {
  switch (phase) {
    case MigrationProgress::Phase::waiting:
      return "waiting";
    case MigrationProgress::Phase::stash:
      return "stash";
    case MigrationProgress::Phase::index:
      return "index";
    case MigrationProgress::Phase::rows:
      return "rows";
    case MigrationProgress::Phase::proof:
      return "proof";
    case MigrationProgress::Phase::commit:
      return "commit";
  }
  return "unknown";
}

}  // namespace piecemark

namespace piecemark::migration {

void Progress::enter(Phase phase, std::uint64_t rows_total) {
  now_.phase = phase;
  now_.rows_done = 0;
  now_.rows_total = rows_total;
  if (phase == Phase::commit) now_.work_total = now_.work_done;
  tell();
}

void Progress::tell() {
  now_.rows_total = std::max(now_.rows_total, now_.rows_done);
  now_.work_total = std::max(now_.work_total, now_.work_done);
  if (!options_.on_progress || options_.on_progress(now_)) return;
  throw Error(
      ErrorCode::canceled,
      {attempted_, "the caller asked to stop: the file is as it was", {}, "run it again when it suits"});
}

index::FillWatch watch_fill(Progress& progress, std::uint64_t rows) {
  using Pass = index::FillWatch::Pass;
  return {.on_pass =
              [&progress, rows](Pass pass) {
                progress.enter(pass == Pass::index ? Progress::Phase::index : Progress::Phase::rows, rows);
              },
          .on_row = [&progress] { progress.advance(); }};
}

}  // namespace piecemark::migration
