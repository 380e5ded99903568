// The written-out list of steps, from the oldest format to the newest.
#pragma once

#include <span>

#include "step.h"

namespace piecemark::migration {

std::span<const Step> chain();

}  // namespace piecemark::migration
