#include "api/cli/long_task.h"

namespace piecemark::cli {

void LongTask::require_go_on() const {
  if (!Interruption::is_requested()) return;
  throw Error(ErrorCode::canceled,
              {attempted_, "a request to stop: nothing was stored", {}, "run it again when it suits"});
}

}  // namespace piecemark::cli
