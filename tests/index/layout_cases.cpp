// A further layout of the library is one more line here.
#include "layout_cases.h"

namespace piecemark::index {

LayoutCases layout_cases() {
  return {.tested = {
              shipped_layout("ordered_format_1", 1, false),
              shipped_layout("ordered_format_1_nulls_not_distinct", 1, true),
              shipped_layout("ordered_format_2", 2, false),
              shipped_layout("ordered_format_2_nulls_not_distinct", 2, true),
              shipped_layout("packed", 3, false),
              shipped_layout("packed_nulls_not_distinct", 3, true),
              shipped_layout("packed_with_2_bits_of_hash", 3, false, 2),
              shipped_layout("packed_without_hash", 3, false, 0),
              shipped_layout("packed_without_hash_nulls_not_distinct", 3, true, 0),
              shipped_layout("packed_sorting_all_it_can", 3, false, 32, 1),
          }};
}

}  // namespace piecemark::index
