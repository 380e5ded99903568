// Return codes of LMDB and of the system calls below it, as errors a caller can act on.
#pragma once

#include <string>

#include "piecemark/error.h"

namespace piecemark::engine {

// The error for an LMDB return code (an errno value or an MDB_* code) met while doing `attempted` on `path`.
[[nodiscard]] Error lmdb_error(int code, const std::string& attempted, const std::string& path);

}  // namespace piecemark::engine
