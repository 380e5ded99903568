// What a migration would do, found by going the same way without writing.
#pragma once

#include <span>

#include "engine/environment.h"
#include "piecemark/migration_plan.h"
#include "step.h"

namespace piecemark::migration {

// Reads every key, and every row that something waits for in the stash; writes nothing. Each step is planned on what the
// file holds now: exact as long as one of them at the most sets things aside or brings them back.
// Errors  no_such_format, format_too_new, corrupt_record, canceled
MigrationPlan plan(engine::Environment& environment, std::uint32_t target, const MigrationOptions& options,
                   std::span<const Step> chain);

}  // namespace piecemark::migration
