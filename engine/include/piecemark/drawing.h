#pragma once

#include <optional>
#include <string>

#include "piecemark/column_value.h"
#include "piecemark/uuid.h"

namespace piecemark {

// A row of `drawings`.
struct Drawing {
  Uuid id = Uuid::generate();
  std::optional<std::string> name{};

  friend bool operator==(const Drawing&, const Drawing&) = default;
};

// Any subset of the columns of a drawing, for updates and for rows that come from outside.
struct DrawingColumns {
  ColumnValue<Uuid> id{};
  ColumnValue<std::string> name{};
};

}  // namespace piecemark
