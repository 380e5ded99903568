#include "tally.h"

#include <gtest/gtest.h>

#include <utility>

#include "workload.h"

namespace piecemark::bench {
namespace {

Tally tally_of(const Component& component) {
  Tally tally;
  tally.add(row_of(component));
  return tally;
}

// Calls visit(what, component) for what a careless reader could make of the component.
template <class Visit>
void for_each_mistake(const Component& component, const Visit& visit) {
  const auto with = [&](const char* what, const auto& change) {
    Component changed = component;
    change(changed);
    if (changed != component) visit(what, changed);
  };
  with("ids swapped", [](Component& c) { std::swap(c.id, *c.drawing_id); });
  with("texts swapped", [](Component& c) { std::swap(c.component_type, c.material_type); });
  with("numbers swapped", [](Component& c) { std::swap(c.location_x, c.location_y); });
  with("times swapped", [](Component& c) { std::swap(c.created_at, c.updated_at); });
  with("NULL for a text", [](Component& c) { c.bounding_box.reset(); });
  with("NULL for a number", [](Component& c) { c.quantity.reset(); });
  with("an empty text", [](Component& c) { c.material_type = ""; });
  with("a zero", [](Component& c) { c.confidence_score = 0; });
  with("a text cut short", [](Component& c) { c.piece_mark.pop_back(); });
  with("a text without its beginning", [](Component& c) { c.piece_mark.erase(0, 1); });
  for (std::size_t i = 0; i < component.piece_mark.size() && component.piece_mark.size() <= 24; ++i) {
    with("another character", [&](Component& c) { c.piece_mark[i] ^= 1; });
  }
  for (std::size_t i = 0; i < component.id.bytes.size(); ++i) {
    with("another id", [&](Component& c) { c.id.bytes[i] ^= 1; });
  }
}

TEST(Tally, SeesEveryMistake) {
  const Workload workload(20'000, IdOrder::random);
  for (const Component& component : workload.components()) {
    for_each_mistake(component, [&](const char* what, const Component& changed) {
      ASSERT_NE(tally_of(changed), tally_of(component)) << what << " in " << component.id.to_string();
    });
  }
}

TEST(Tally, TellsNumbersOfOppositeSignsApart) {
  const Component there{.id = {}, .piece_mark = "G1", .location_x = 3.5, .location_y = -3.5};
  Component swapped = there;
  std::swap(swapped.location_x, swapped.location_y);
  EXPECT_NE(tally_of(swapped), tally_of(there));
}

TEST(Tally, DoesNotDependOnTheOrder) {
  const Workload workload(2'000, IdOrder::time_ordered);
  Tally tally;
  for (const Component* component : workload.in_random_order()) tally.add(row_of(*component));
  EXPECT_EQ(tally, workload.total());
}

TEST(Tally, SeesAFieldThatTwoRowsHaveSwapped) {
  const Workload workload(2'000, IdOrder::time_ordered);
  Component first = workload.components()[0];
  Component second = workload.components()[1];
  Tally before = tally_of(first);
  before.add(row_of(second));
  std::swap(first.location_x, second.location_x);
  Tally after = tally_of(first);
  after.add(row_of(second));
  EXPECT_NE(after, before);
}

}  // namespace
}  // namespace piecemark::bench
