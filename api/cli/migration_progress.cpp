#include "api/cli/migration_progress.h"

#include <cstdio>
#include <utility>

#include "api/text/json_writer.h"
#include "piecemark/error.h"

namespace piecemark::cli {
namespace {

constexpr auto kWriteEvery = std::chrono::milliseconds(100);

}  // namespace

MigrationProgressReport::MigrationProgressReport(std::string task, ProgressStyle style, std::uint64_t rows)
    : style_(style), rows_(rows), line_(std::move(task)), started_(std::chrono::steady_clock::now()) {
  if (style != ProgressStyle::automatic) line_.clear();
}

bool MigrationProgressReport::update(const MigrationProgress& now) {
  if (style_ == ProgressStyle::json) write_json(now);
  const double part =
      now.work_total > 0 ? static_cast<double>(now.work_done) / static_cast<double>(now.work_total) : 0;
  line_.set_phase(name_of(now.phase));
  line_.update(static_cast<std::uint64_t>(part * static_cast<double>(rows_)), now.work_done, now.work_total);
  return !Interruption::is_requested();
}

// Whoever reads what is printed may take his time, and want to stop meanwhile.
void MigrationProgressReport::pause() {
  line_.wipe();
  if (!Interruption::is_requested()) return;
  throw Error(ErrorCode::canceled, {"cannot go on", "a request to stop: the file is as it was", {}, {}});
}

void MigrationProgressReport::write_json(const MigrationProgress& now) {
  const auto at = std::chrono::steady_clock::now();
  if (now.phase == written_phase_ && at - written_ < kWriteEvery) return;
  written_ = at;
  written_phase_ = now.phase;
  std::string line;
  text::JsonObject(line)
      .add("phase", name_of(now.phase))
      .add("rows_done", now.rows_done)
      .add("rows_total", now.rows_total)
      .add("work_done", now.work_done)
      .add("work_total", now.work_total)
      .add("elapsed_us", static_cast<std::uint64_t>(
                             std::chrono::duration_cast<std::chrono::microseconds>(at - started_).count()));
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace piecemark::cli
