// What keeps a program from reading or writing a file, in words that tell one cause from the other.
#pragma once

#include <optional>
#include <string>
#include <system_error>

#include "piecemark/error.h"

namespace piecemark::engine {

// The error for a file of any kind. `attempted` begins the message.
[[nodiscard]] Error file_error(std::error_code error, const std::string& attempted, const std::string& path);

// The same for causes that have to do with the name, the kind or the limits of a file rather than with its content;
// nullopt for others.
[[nodiscard]] std::optional<Error> file_name_error(int code, const std::string& attempted,
                                                   const std::string& path);

}  // namespace piecemark::engine
