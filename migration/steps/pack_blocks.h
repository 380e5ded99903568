#pragma once

#include "migration/step.h"

namespace piecemark::migration {

void rewrite_rows(StepWork& work);

// Format 2 -> 3: the components of a drawing lie together, packed in blocks. Both formats hold the same rows under the
// same rules, so that nothing is set aside, and both directions write what they read.
inline constexpr Step kPackBlocks{
    .revision = "pack_blocks",
    .summary = "the components of a drawing lie together, packed in blocks",
    .from = 2,
    .to = 3,
    .upgrade = rewrite_rows,
    .downgrade = rewrite_rows,
};

}  // namespace piecemark::migration
