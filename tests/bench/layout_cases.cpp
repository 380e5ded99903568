// The layouts that serve the comparison alone.
#include "tests/index/layout_cases.h"

#include "bench/layouts/clustered.h"
#include "bench/layouts/hashed.h"

namespace piecemark::index {
namespace {

const Format& kColumns = *format_numbered(kLiveFormat);

LayoutCase clustered(const std::string& name, bool nulls_not_distinct) {
  const auto make = [=](const std::vector<engine::Table>& tables) {
    return std::make_unique<bench::ClusteredLayout>(nulls_not_distinct, tables[0], tables[1]);
  };
  return {name, &kColumns, nulls_not_distinct, {"clustered.rows", "clustered.ids"}, make};
}

LayoutCase hashed(const std::string& name, bool nulls_not_distinct,
                  unsigned hash_bits = bench::HashedLayout::kHashBits) {
  const auto make = [=](const std::vector<engine::Table>& tables) {
    const bench::HashedLayout::Tables named{tables[0], tables[1], tables[2]};
    return std::make_unique<bench::HashedLayout>(nulls_not_distinct, named, hash_bits);
  };
  return {name, &kColumns, nulls_not_distinct, {"hashed.rows", "hashed.hashes", "hashed.drawings"}, make};
}

}  // namespace

LayoutCases layout_cases() {
  return {.tested =
              {
                  clustered("clustered", false),
                  clustered("clustered_nulls_not_distinct", true),
                  hashed("hashed", false),
                  hashed("hashed_nulls_not_distinct", true),
                  hashed("hashed_with_2_bits_of_hash", false, 2),
                  hashed("hashed_without_hash_nulls_not_distinct", true, 0),
              },
          .sources = {
              shipped_layout("ordered", 2, false),
              shipped_layout("ordered_nulls_not_distinct", 2, true),
              shipped_layout("packed", 3, false),
              shipped_layout("packed_nulls_not_distinct", 3, true),
          }};
}

}  // namespace piecemark::index
