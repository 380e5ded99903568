// A task that may take minutes: how far it is, on the terminal, and whether the user wants it to stop.
#pragma once

#include <cstdint>
#include <string>

#include "api/cli/interruption.h"
#include "api/cli/terminal.h"
#include "piecemark/error.h"
#include "piecemark/work_progress.h"

namespace piecemark::cli {

class LongTask {
 public:
  // "importing"; `attempted` begins the message of a task that was stopped.
  LongTask(std::string task, std::string attempted)
      : attempted_(std::move(attempted)), line_(std::move(task)) {}

  // Errors  canceled
  void update(std::uint64_t rows, std::uint64_t done, std::uint64_t total) {
    require_go_on();
    line_.update(rows, done, total);
  }
  void require_go_on() const;
  // For a call of the library: it says itself that it was stopped.
  OnProgress on_progress() {
    return [this](const WorkProgress& now) {
      line_.update(now.done, now.done, now.total);
      return !Interruption::is_requested();
    };
  }
  void finish() { line_.clear(); }

 private:
  Interruption interruption_;
  std::string attempted_;
  ProgressLine line_;
};

}  // namespace piecemark::cli
