// How far a migration is, on standard error, and whether the user wants it to stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "api/cli/interruption.h"
#include "api/cli/terminal.h"
#include "piecemark/migration_options.h"

namespace piecemark::cli {

enum class ProgressStyle : std::uint8_t {
  automatic,  // a bar on a terminal, else nothing
  json,       // a line at the beginning of each phase, and ten a second
  none,
};

class MigrationProgressReport {
 public:
  MigrationProgressReport(std::string task, ProgressStyle style, std::uint64_t rows);

  // False once Ctrl-C or SIGTERM has asked to stop.
  bool update(const MigrationProgress& now);
  // Before something else is printed.  Errors  canceled, as update() would tell
  void pause();
  void finish() { line_.clear(); }

 private:
  void write_json(const MigrationProgress& now);

  Interruption interruption_;
  ProgressStyle style_;
  std::uint64_t rows_;
  ProgressLine line_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point written_;
  MigrationProgress::Phase written_phase_{};
};

}  // namespace piecemark::cli
