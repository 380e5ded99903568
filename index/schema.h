// The gate between a file whose pages are sound and those who read its tables.
#pragma once

#include "engine/transaction.h"
#include "format.h"

namespace piecemark::index {

// That the file has all tables of its format, none that no format knows, nothing in those of other formats, and none of
// them the entries of another.
// Errors  corrupt_file
void require_schema(const engine::ReadTransaction& transaction, const Format& format);

}  // namespace piecemark::index
