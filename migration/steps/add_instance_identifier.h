#pragma once

#include "migration/step.h"

namespace piecemark::migration {

void upgrade_to_instance_identifier(StepWork& work);
void downgrade_from_instance_identifier(StepWork& work);

// Format 1 -> 2: a piece mark may occur several times on a drawing.
inline constexpr Step kAddInstanceIdentifier{
    .revision = "add_instance_identifier",
    .summary = "a piece mark may occur several times on a drawing",
    .from = 1,
    .to = 2,
    .upgrade = upgrade_to_instance_identifier,
    .downgrade = downgrade_from_instance_identifier,
};

}  // namespace piecemark::migration
