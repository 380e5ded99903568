#include "migration/fingerprint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace piecemark::migration {
namespace {

const Component kComponent{
    .id = *Uuid::parse("00000000-0000-7000-8000-000000000001"),
    .drawing_id = *Uuid::parse("00000000-0000-7000-8000-000000000002"),
    .piece_mark = "G1",
    .instance_identifier = "2",
    .location_x = 1.5,
    .bounding_box = "[1]",
    .created_at = Timestamp{1},
    .updated_at = std::nullopt,
};

std::string of(const Component& component, ColumnSet columns = ColumnSet::all()) {
  return Fingerprinter().of(row_of(component), columns).to_string();
}

// Receipts in files that exist hold these numbers.
TEST(Fingerprint, IsFrozen) {
  EXPECT_EQ(of(kComponent), "d55d861ac29fd831ac14f1619bd39a11");
  EXPECT_EQ(Fingerprinter().of(Drawing{.id = kComponent.id, .name = "S-101"}).to_string(),
            "93c6185c9428d0cdbce5e20d806b9d25");
}

TEST(Fingerprint, EveryColumnCounts) {
  const auto changed = [](auto change) {
    Component component = kComponent;
    change(component);
    return of(component);
  };
  const std::vector<std::string> all{
      of(kComponent),
      changed([](Component& c) { c.id.bytes[0] = 1; }),
      changed([](Component& c) { c.drawing_id = std::nullopt; }),
      changed([](Component& c) { c.piece_mark = "G2"; }),
      changed([](Component& c) { c.instance_identifier = ""; }),
      changed([](Component& c) { c.instance_identifier = std::nullopt; }),
      changed([](Component& c) { c.component_type = ""; }),
      changed([](Component& c) { c.quantity = 2; }),
      changed([](Component& c) { c.material_type = "x"; }),
      changed([](Component& c) { c.location_x = 0.0; }),
      changed([](Component& c) { c.location_x = -0.0; }),
      changed([](Component& c) { c.location_y = 1.5; }),
      changed([](Component& c) { c.bounding_box = "[2]"; }),
      changed([](Component& c) { c.confidence_score = 1.5; }),
      changed([](Component& c) { c.review_status = std::nullopt; }),
      changed([](Component& c) { c.created_at = Timestamp{2}; }),
      changed([](Component& c) { c.updated_at = Timestamp{1}; }),
  };
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
}

TEST(Fingerprint, ColumnsLeftOutDoNotCount) {
  ColumnSet columns = ColumnSet::all();
  columns.remove(Column::id);
  Component other = kComponent;
  other.id = Uuid{};
  EXPECT_EQ(of(other, columns), of(kComponent, columns));
}

TEST(Fingerprint, AllNansAreOneValue) {
  Component a = kComponent;
  Component b = kComponent;
  a.location_x = std::numeric_limits<double>::quiet_NaN();
  b.location_x = -std::nan("0x7");
  EXPECT_EQ(of(a), of(b));
}

TEST(Fingerprint, SumsCarryIntoTheHighHalf) {
  Fingerprint sum{.rows = 1, .low = ~std::uint64_t{0}, .high = 1};
  sum += {.rows = 2, .low = 1, .high = 1};
  EXPECT_EQ(sum, (Fingerprint{.rows = 3, .low = 0, .high = 3}));
}

}  // namespace
}  // namespace piecemark::migration
