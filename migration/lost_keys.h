// Ranges of keys that a tree has lost.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace piecemark::migration {

class LostKeys {
 public:
  // From the first up to, but without, the second. No second: up to the end.
  void add(std::string from, std::optional<std::string> to) {
    ranges_.push_back({std::move(from), std::move(to)});
    is_sorted_ = false;
  }

  bool has_any() const { return !ranges_.empty(); }

  bool contains(std::string_view key) {
    if (!is_sorted_) sort();
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), key,
                         [](std::string_view wanted, const Range& range) { return wanted < range.from; });
    return after != ranges_.begin() && (!std::prev(after)->to || key < *std::prev(after)->to);
  }

  // Whether any of the keys from the first up to, but without, the second is lost.
  bool has_any_in(std::string_view from, std::string_view to) {
    if (contains(from)) return true;
    const auto next =
        std::upper_bound(ranges_.begin(), ranges_.end(), from,
                         [](std::string_view wanted, const Range& range) { return wanted < range.from; });
    return next != ranges_.end() && next->from < to;
  }

 private:
  struct Range {
    std::string from;
    std::optional<std::string> to;
  };

  // In order, those that overlap made one.
  void sort() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.from < b.from; });
    std::vector<Range> joined;
    for (Range& range : ranges_) {
      if (joined.empty() || (joined.back().to && *joined.back().to < range.from)) {
        joined.push_back(std::move(range));
      } else if (joined.back().to && (!range.to || *joined.back().to < *range.to)) {
        joined.back().to = std::move(range.to);
      }
    }
    ranges_ = std::move(joined);
    is_sorted_ = true;
  }

  std::vector<Range> ranges_;
  bool is_sorted_ = true;
};

}  // namespace piecemark::migration
