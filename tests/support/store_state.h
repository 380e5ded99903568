// All that can be known of a store, for comparisons as a whole.
#pragma once

#include <string>

#include "piecemark/store.h"

namespace piecemark::testing {

// Format, receipts, stash, drawings, components, and what verification complains of; all of it but times.
std::string state_of_store(const Store& store);

}  // namespace piecemark::testing
