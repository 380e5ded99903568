// Text that is not what its place asks for.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "index/constraints.h"
#include "piecemark/error.h"

namespace piecemark::text {

inline Violation malformed(std::string message, std::string_view column = {}) {
  return index::input_violation(ErrorCode::invalid_text_representation, column, std::move(message));
}

}  // namespace piecemark::text
