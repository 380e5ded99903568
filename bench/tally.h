#pragma once

#include <cstdint>
#include <string>

#include "piecemark/component.h"

namespace piecemark::bench {

// How many rows were read, and a sum over every field of each. Two contenders that read the same rows, in
// whatever order, have the same tally; a field that is lost, swapped or cut short changes it, and so does any
// other number, id or text of up to 24 bytes. Of a longer text its size and 24 of its bytes count.
//
// Cost  about 11 ns a row: it is part of what the benchmarks measure, so it must stay small. `checksum` in the
//       list of benchmarks measures it alone.
struct Tally {
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;

  void add(const ComponentRow& row);

  std::string to_string() const;
  friend bool operator==(const Tally&, const Tally&) = default;
};

}  // namespace piecemark::bench
