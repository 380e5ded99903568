#pragma once

#include <cstdint>

#include "piecemark/uuid.h"

namespace piecemark {

// What upsert does with a component whose id or key is taken.
enum class OnConflict : std::uint8_t {
  fail,    // report the unique_violation
  skip,    // leave the row that is there
  update,  // give the row that is there the columns of the new one, except the id
  newer,   // the same where the new one has the later updated_at; NULL is before all times
};

struct Upserted {
  enum class Outcome : std::uint8_t { inserted, skipped, updated };  // skipped: the row that is there stays
  Outcome outcome = Outcome::inserted;
  Uuid id;  // of the row that is there now
};

}  // namespace piecemark
