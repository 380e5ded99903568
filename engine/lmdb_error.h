// Return codes of LMDB and of the system calls below it, as errors a caller can act on.
#pragma once

#include <string>
#include <system_error>

#include "piecemark/error.h"

namespace piecemark::engine {

// The error for an LMDB return code (an errno value or an MDB_* code) met in a transaction, while doing `attempted` on `path`.
[[nodiscard]] Error lmdb_error(int code, const std::string& attempted, const std::string& path);
// The same for one met while opening or creating `path`, and for one of a system call: what a file system cannot do is named
// then.
[[nodiscard]] Error opening_error(int code, const std::string& attempted, const std::string& path);

// Throw it, unless the code is that of success.
void check(int code, const std::string& attempted, const std::string& path);
void check_opening(int code, const std::string& attempted, const std::string& path);
[[noreturn]] void throw_system_error(std::error_code error, const std::string& attempted,
                                     const std::string& path);

}  // namespace piecemark::engine
