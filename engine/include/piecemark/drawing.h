#pragma once

#include <optional>
#include <string>

#include "piecemark/uuid.h"

namespace piecemark {

// A row of `drawings`.
struct Drawing {
  Uuid id = Uuid::generate();
  std::optional<std::string> name{};

  friend bool operator==(const Drawing&, const Drawing&) = default;
};

}  // namespace piecemark
