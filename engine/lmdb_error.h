// Return codes of LMDB and of the system calls below it, as errors a caller can act on.
#pragma once

#include <string>
#include <system_error>

#include "piecemark/error.h"

namespace piecemark::engine {

// The error for an LMDB return code (an errno value or an MDB_* code) met while doing `attempted` on `path`.
[[nodiscard]] Error lmdb_error(int code, const std::string& attempted, const std::string& path);

// Throws it, unless the code is that of success.
void check(int code, const std::string& attempted, const std::string& path);
[[noreturn]] void throw_system_error(std::error_code error, const std::string& attempted,
                                     const std::string& path);

}  // namespace piecemark::engine
