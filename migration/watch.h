// Counts the visits of a long call for its caller, and stops it when he asks for that.
#pragma once

#include <cstdint>
#include <string>

#include "piecemark/error.h"
#include "piecemark/work_progress.h"

namespace piecemark::migration {

class Watch {
 public:
  // `attempted` begins the message of a call that was stopped: "cannot verify ...". `on_progress` may be empty.
  Watch(const OnProgress& on_progress, std::string attempted)
      : on_progress_(on_progress), attempted_(std::move(attempted)) {}

  void add_total(std::uint64_t visits) { now_.total += visits; }
  // Errors  canceled
  void advance() {
    if (++now_.done % kTellEvery == 0) tell();
  }
  void tell() {
    if (on_progress_ && !on_progress_(now_)) throw canceled();
  }
  // For a part that counts by itself: it has made so many visits more. False where it is to stop.
  bool advance_to(std::uint64_t done) {
    now_.done = done;
    return !on_progress_ || on_progress_(now_);
  }
  std::uint64_t done() const { return now_.done; }

  Error canceled() const {
    return {ErrorCode::canceled,
            {attempted_, "the caller asked to stop: nothing was changed", {}, "run it again when it suits"}};
  }

 private:
  static constexpr std::uint64_t kTellEvery = 4096;

  const OnProgress& on_progress_;
  std::string attempted_;
  WorkProgress now_;
};

}  // namespace piecemark::migration
