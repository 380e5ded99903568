#include "workload.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

namespace piecemark::bench {
namespace {

constexpr std::uint64_t kSeed = 20250121;
constexpr std::uint64_t kRowQueriesMax = 65'536;

constexpr double kDrawingSizeMin = 2;
constexpr double kDrawingSizeMax = 4'000;
constexpr double kInstancesMin = 2;
constexpr double kInstancesMax = 332;
constexpr double kInstancesExponent = 1.05;  // of a Pareto distribution: about 9 instances on average
constexpr double kSingleMarks = 0.53;        // share of the marks; they have 12 % of the rows

constexpr std::int64_t kFirstDay = 1'737'417'600'000'000;  // 2025-01-21T00:00:00Z
constexpr std::int64_t kSecond = 1'000'000;

constexpr std::array<std::string_view, 10> kTypes{"IfcBuildingElementPart",
                                                  "IfcBuildingElementProxy",
                                                  "IfcWallStandardCase",
                                                  "Steel Assembly",
                                                  "LIGGER",
                                                  "IfcBeam",
                                                  "IfcColumn",
                                                  "I W21X44",
                                                  "KOLOM",
                                                  "IfcPlate"};
constexpr std::array<std::string_view, 8> kMaterials{
    "Silka Kalkzandsteen CS12", "Ytong Separatie Paneel G4/600",
    "Undefined/Undefined",      "STEEL/S235JR",
    "Silka Kimmortel",          "A992",
    "CONCRETE/C35/45",          "TIMBER/C24"};
// A mark is one of these and a number, which keeps the marks of a drawing distinct.
constexpr std::array<std::string_view, 8> kMarks{"G",
                                                 "Pr",
                                                 "B_",
                                                 "215 / ",
                                                 "HEA200-",
                                                 "GASBETON 100X",
                                                 "Ytong Paneel G4/600-",
                                                 "Silka Kalkzandsteen CS12 E"};

// SplitMix64. The distributions of the standard library differ from one implementation to the next.
class Random {
 public:
  explicit Random(std::uint64_t stream) : state_(kSeed + (stream << 32)) {}

  std::uint64_t next() {
    std::uint64_t word = state_ += 0x9E3779B97F4A7C15;
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9;
    word = (word ^ word >> 27) * 0x94D049BB133111EB;
    return word ^ word >> 31;
  }
  std::uint64_t below(std::uint64_t end) { return next() % end; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double probability) { return unit() < probability; }
  // Three decimals, as coordinates in millimetres have them. Never -0.0, which SQLite stores as 0.0.
  double coordinate(double low, double high) {
    return std::round((low + (high - low) * unit()) * 1'000) / 1'000 + 0.0;
  }
  template <class T, std::size_t N>
  T pick(const std::array<T, N>& choices) {
    return choices[below(N)];
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

// Ids for one table. The streams of two tables never meet.
class Ids {
 public:
  Ids(IdOrder order, std::uint64_t stream, std::uint64_t first = 0)
      : order_(order), random_(stream), count_(first) {}

  Uuid next() {
    const bool is_ordered = order_ == IdOrder::time_ordered;
    const std::uint64_t sequence = count_++;
    std::uint64_t high = random_.next();
    std::uint64_t low = random_.next();
    // One every 20 microseconds: 48 bits of milliseconds, then the fraction where v4 has random bits.
    if (is_ordered) {
      const std::uint64_t milliseconds = static_cast<std::uint64_t>(kFirstDay) / 1'000 + sequence / 50;
      high = milliseconds << 16 | (sequence % 50 * 80);
    }
    high = (high & ~std::uint64_t{0xF000}) | (is_ordered ? 0x7000U : 0x4000U);
    low = (low & ~(std::uint64_t{3} << 62)) | std::uint64_t{2} << 62;
    Uuid id;
    for (std::size_t i = 0; i < 8; ++i) {
      id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
      id.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return id;
  }

 private:
  IdOrder order_;
  Random random_;
  std::uint64_t count_;
};

constexpr std::uint64_t kDrawingIds = 1;
constexpr std::uint64_t kComponentIds = 2;
constexpr std::uint64_t kAdditionIds = 3;
constexpr std::uint64_t kRows = 4;
constexpr std::uint64_t kQueries = 5;
constexpr std::uint64_t kAdditions = 6;
constexpr std::uint64_t kAddedDrawingIds = 7;
constexpr std::uint64_t kLoadOrder = 8;
constexpr std::uint64_t kReviews = 9;

std::uint64_t drawing_size(Random& random) {
  return static_cast<std::uint64_t>(kDrawingSizeMin *
                                    std::pow(kDrawingSizeMax / kDrawingSizeMin, random.unit()));
}

std::uint64_t instances_of_mark(Random& random) {
  if (random.chance(kSingleMarks)) return 1;
  const double tail = std::pow(kInstancesMin / kInstancesMax, kInstancesExponent);
  const double position = 1 - random.unit() * (1 - tail);
  return static_cast<std::uint64_t>(kInstancesMin * std::pow(position, -1 / kInstancesExponent));
}

void append_number(std::string& text, double number) {
  std::array<char, 32> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), written.ptr);
}

std::string bounding_box(double x, double y, double width, double height) {
  std::string json = "{\"x\":";
  append_number(json, x);
  json += ",\"y\":";
  append_number(json, y);
  json += ",\"width\":";
  append_number(json, width);
  json += ",\"height\":";
  append_number(json, height);
  return json + "}";
}

// What all instances of a mark have in common.
struct Part {
  std::string piece_mark;
  std::string_view component_type;
  std::optional<std::string> material_type;
  std::optional<std::int32_t> quantity;
  bool has_bounding_box;
  double width;
  double height;
};

Part make_part(Random& random, std::uint64_t number) {
  static constexpr std::array<std::int32_t, 3> kQuantities{2, 4, 12};
  Part part;
  part.piece_mark = std::string(random.pick(kMarks)) + std::to_string(number);
  part.component_type = random.pick(kTypes);
  if (random.chance(0.72)) part.material_type = random.pick(kMaterials);
  part.quantity = random.chance(0.98) ? 1 : random.pick(kQuantities);
  if (random.chance(0.005)) part.quantity = std::nullopt;
  part.has_bounding_box = random.chance(0.62);
  part.width = random.coordinate(50, 900);
  part.height = random.coordinate(50, 9'000);
  return part;
}

// A row of this part, without id and instance.
Component make_component(Random& random, const Uuid& drawing, const Part& part) {
  Component component{.id = {},
                      .drawing_id = drawing,
                      .piece_mark = part.piece_mark,
                      .component_type = std::string(part.component_type),
                      .quantity = part.quantity,
                      .material_type = part.material_type,
                      .created_at = std::nullopt};
  const double x = random.coordinate(-40'000, 57'000);
  const double y = random.coordinate(-37'000, 38'000);
  if (random.chance(0.98)) {
    component.location_x = x;
    component.location_y = y;
  }
  if (part.has_bounding_box) component.bounding_box = bounding_box(x, y, part.width, part.height);
  if (random.chance(0.005)) component.confidence_score = random.unit();
  const Timestamp created{kFirstDay + static_cast<std::int64_t>(random.below(90 * 86'400)) * kSecond};
  if (random.chance(0.987)) component.created_at = created;
  if (random.chance(0.075)) component.updated_at = Timestamp{created.microseconds + 3'600 * kSecond};
  return component;
}

// A drawing's components, marks and instances in the order of their bytes, ids ascending with them.
std::vector<Component> make_components(Random& random, Ids& ids, const Uuid& drawing, std::uint64_t size) {
  std::vector<Component> components;
  components.reserve(size);
  for (std::uint64_t number = 1; components.size() < size; ++number) {
    const std::uint64_t instances = std::min(instances_of_mark(random), size - components.size());
    const Part part = make_part(random, number);
    for (std::uint64_t instance = 1; instance <= instances; ++instance) {
      components.push_back(make_component(random, drawing, part));
      if (instances > 1) components.back().instance_identifier = std::to_string(instance);
    }
  }
  std::sort(components.begin(), components.end(), [](const Component& a, const Component& b) {
    return std::tie(a.piece_mark, a.instance_identifier) < std::tie(b.piece_mark, b.instance_identifier);
  });
  for (Component& component : components) component.id = ids.next();
  return components;
}

Tally tally_of(const Component& component) {
  Tally tally;
  tally.add(row_of(component));
  return tally;
}

// What a review makes of the row. The same row always gets the same.
Component reviewed(const Component& component) {
  Component after = component;
  const std::uint64_t word = component.id.bytes[15];
  after.review_status = word % 2 == 0 ? "approved" : "rejected";
  after.confidence_score = static_cast<double>(word) / 256;
  after.updated_at = Timestamp{kFirstDay + 100 * 86'400 * kSecond + static_cast<std::int64_t>(word)};
  return after;
}

}  // namespace

std::vector<const Component*> refs_to(const std::vector<Component>& components) {
  std::vector<const Component*> refs;
  refs.reserve(components.size());
  for (const Component& component : components) refs.push_back(&component);
  return refs;
}

void for_each_drawing(std::uint64_t components, IdOrder id_order,
                      const std::function<void(const Drawing&, std::vector<Component>)>& take) {
  Random random(kRows);
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t left = components; left > 0; left -= sizes.back()) {
    sizes.push_back(std::min(drawing_size(random), left));
  }

  Ids drawing_ids(id_order, kDrawingIds);
  std::vector<Drawing> drawings;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    drawings.push_back({.id = drawing_ids.next(), .name = "S-" + std::to_string(1'000 + i)});
  }
  std::sort(drawings.begin(), drawings.end(), [](const auto& a, const auto& b) { return a.id < b.id; });

  Ids component_ids(id_order, kComponentIds);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    take(drawings[i], make_components(random, component_ids, drawings[i].id, sizes[i]));
  }
}

Component in_old_schema(Component component) {
  if (component.instance_identifier) component.piece_mark += "#" + *component.instance_identifier;
  component.instance_identifier.reset();
  return component;
}

Workload::Workload(std::uint64_t components, IdOrder id_order) : id_order_(id_order) {
  components_.reserve(components);
  for_each_drawing(components, id_order, [&](const Drawing& drawing, std::vector<Component> rows) {
    drawings_.push_back(drawing);
    std::move(rows.begin(), rows.end(), std::back_inserter(components_));
  });
  add_row_queries();
  add_range_queries();
}

Workload::Workload(IdOrder id_order, std::vector<Drawing> drawings, std::vector<Component> components)
    : id_order_(id_order), drawings_(std::move(drawings)), components_(std::move(components)) {
  add_row_queries();
  add_range_queries();
}

Workload Workload::in_old_schema() const {
  std::vector<Component> components;
  components.reserve(components_.size());
  for (const Component& component : components_) components.push_back(bench::in_old_schema(component));
  return {id_order_, drawings_, std::move(components)};
}

Tally Workload::total_without_instances() const {
  Tally kept;
  for (const Component& component : components_) {
    ComponentRow row = row_of(component);
    // Of a repeated mark the first instance stays.
    if (row.instance_identifier.value_or("1") != "1") continue;
    row.instance_identifier.reset();
    kept.add(row);
  }
  return kept;
}

std::vector<const Component*> Workload::in_random_order() const {
  std::vector<const Component*> refs = refs_;
  Random(kLoadOrder).shuffle(refs);
  return refs;
}

void Workload::add_row_queries() {
  refs_ = refs_to(components_);
  Random random(kQueries);
  const std::uint64_t count = std::min<std::uint64_t>(components_.size(), kRowQueriesMax);
  row_queries_.reserve(count);
  absent_queries_.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Component& component = components_[random.below(components_.size())];
    row_queries_.push_back({component.id, *component.drawing_id, component.piece_mark,
                            component.instance_identifier, tally_of(component)});
    // No mark ends in '?', and instances are counted from 1.
    const std::string mark = component.piece_mark + (i % 2 == 0 ? "" : "?");
    absent_queries_.push_back({component.id, *component.drawing_id, mark, "0", {}});
  }
}

// Relies on the key order of the components: those of a drawing stand together, and so do those of a mark.
void Workload::add_range_queries() {
  std::vector<MarkQuery> marks;
  for (const Component& component : components_) {
    const ComponentRow row = row_of(component);
    total_.add(row);
    if (drawing_queries_.empty() || drawing_queries_.back().id != *row.drawing_id) {
      drawing_queries_.push_back({*row.drawing_id, {}});
    }
    drawing_queries_.back().expected.add(row);
    if (!row.instance_identifier) continue;
    if (marks.empty() || marks.back().drawing_id != *row.drawing_id ||
        marks.back().piece_mark != row.piece_mark) {
      marks.push_back({*row.drawing_id, component.piece_mark, {}});
    }
    marks.back().expected.add(row);
  }
  Random random(kQueries);
  random.shuffle(drawing_queries_);
  random.shuffle(marks);
  if (marks.size() > kRowQueriesMax) marks.resize(kRowQueriesMax);
  mark_queries_ = std::move(marks);
}

std::vector<Component> Workload::additions(std::uint64_t count) const {
  Random random(kAdditions);
  Ids ids(id_order_, kAdditionIds, components_.size());
  std::vector<Component> components;
  for (std::uint64_t i = 0; i < count; ++i) {
    Part part = make_part(random, i);
    part.piece_mark = "added " + std::to_string(i);
    components.push_back(make_component(random, drawings_[random.below(drawings_.size())].id, part));
    components.back().id = ids.next();
    components.back().instance_identifier = "1";
  }
  return components;
}

std::vector<FullDrawing> Workload::new_drawings(std::uint64_t count, std::uint64_t components) const {
  Random random(kAdditions);
  Ids drawing_ids(id_order_, kAddedDrawingIds, drawings_.size());
  Ids component_ids(id_order_, kAdditionIds, components_.size());
  std::vector<FullDrawing> added;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Drawing drawing{.id = drawing_ids.next(), .name = "N-" + std::to_string(1'000 + i)};
    added.push_back({drawing, make_components(random, component_ids, drawing.id, components)});
  }
  return added;
}

std::vector<Review> Workload::reviews(std::uint64_t count) const {
  std::vector<const Component*> rows = refs_;
  Random(kReviews).shuffle(rows);
  std::vector<Review> reviews;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Component* const row = rows[i % rows.size()];
    reviews.push_back({row, reviewed(*row)});
  }
  return reviews;
}

FullDrawing Workload::drawing_of_about(std::uint64_t components) const {
  const auto distance = [&](const DrawingQuery& query) {
    return query.expected.rows > components ? query.expected.rows - components
                                            : components - query.expected.rows;
  };
  const DrawingQuery& query =
      *std::min_element(drawing_queries_.begin(), drawing_queries_.end(),
                        [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
  FullDrawing full;
  for (const Drawing& drawing : drawings_) {
    if (drawing.id == query.id) full.drawing = drawing;
  }
  for (const Component& component : components_) {
    if (component.drawing_id == query.id) full.components.push_back(component);
  }
  return full;
}

}  // namespace piecemark::bench
