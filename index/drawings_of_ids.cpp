#include "drawings_of_ids.h"

#include <algorithm>

#include "id_block.h"

namespace piecemark::index {

bool DrawingsOfIds::add(engine::Bytes block) {
  constexpr std::size_t kUnsortedMin = std::size_t{1} << 20;
  const bool is_block = IdBlock::read_without_key(block, [&](const IdEntry& entry) {
    const auto [place, is_new] =
        places_.try_emplace(entry.drawing, static_cast<std::uint32_t>(drawings_.size()));
    if (is_new) drawings_.push_back(entry.drawing);
    entries_.push_back({entry.id, place->second});
  });
  // The same ids come again on stale pages.
  if (entries_.size() > 2 * sorted_ + kUnsortedMin) sort();
  return is_block;
}

std::vector<DrawingKey> DrawingsOfIds::of(const std::vector<Uuid>& ids) {
  if (sorted_ < entries_.size()) sort();
  std::map<std::uint32_t, std::size_t> times;
  for (const Uuid& id : ids) {
    auto found = std::lower_bound(entries_.begin(), entries_.end(), Entry{id, 0});
    for (; found != entries_.end() && found->id == id; ++found) ++times[found->drawing];
  }
  std::vector<std::pair<std::size_t, std::uint32_t>> order;
  for (const auto& [drawing, count] : times) order.emplace_back(count, drawing);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<DrawingKey> drawings;
  for (const auto& [count, drawing] : order) drawings.push_back(drawings_[drawing]);
  return drawings;
}

void DrawingsOfIds::sort() {
  std::sort(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
  sorted_ = entries_.size();
}

}  // namespace piecemark::index
