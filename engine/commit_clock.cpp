#include "commit_clock.h"

#include <algorithm>

#include "record.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, piecemark::engine::CommitClock::Entry& entry, const unsigned /*version*/) {
  archive& entry.commit;
  archive& entry.made_by;
}

}  // namespace boost::serialization

namespace piecemark::engine {
namespace {

constexpr unsigned kClassVersion = 0;

}  // namespace

bool CommitClock::is_due(Timestamp now) const {
  if (entries_.empty()) return true;
  const std::int64_t passed = now.microseconds - entries_.back().made_by.microseconds;
  return passed >= kPauseMicroseconds || passed < 0;  // The clock of the system may have been set back.
}

void CommitClock::add(const Entry& entry) {
  if (!entries_.empty()) {
    // The commits between were not noted: they followed the last entry within the pause.
    const Entry between{entry.commit - 1, {entries_.back().made_by.microseconds + kPauseMicroseconds}};
    if (between.commit > entries_.back().commit && between.made_by < entry.made_by)
      entries_.push_back(between);
  }
  entries_.push_back(entry);
  while (entries_.size() > kEntriesMax) entries_.erase(entries_.begin() + least_needed());
}

// The one without which the gap, compared with its age, is smallest.
std::ptrdiff_t CommitClock::least_needed() const {
  const std::int64_t now = entries_.back().made_by.microseconds;
  const auto gap_without = [&](std::size_t i) {
    const auto age = static_cast<double>(now - entries_[i].made_by.microseconds);
    const auto gap = entries_[i + 1].made_by.microseconds - entries_[i - 1].made_by.microseconds;
    return static_cast<double>(gap) / std::max(age, 1.0);
  };
  std::size_t least = 1;
  for (std::size_t i = 2; i + 1 < entries_.size(); ++i) {
    if (gap_without(i) < gap_without(least)) least = i;
  }
  return static_cast<std::ptrdiff_t>(least);
}

std::optional<Timestamp> CommitClock::superseded_at(std::uint64_t commit, std::uint64_t newest) const {
  if (commit >= newest || entries_.empty()) return std::nullopt;
  const auto later = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.commit > commit; });
  if (later != entries_.end()) return later->made_by;
  // None of the commits after the last entry was noted: they followed it within the pause.
  return Timestamp{entries_.back().made_by.microseconds + kPauseMicroseconds};
}

std::string CommitClock::encode(std::string_view table) const {
  std::string record;
  encode_record({table, kCommitClockKey}, entries_, kClassVersion, record);
  return record;
}

CommitClock CommitClock::decode(std::string_view table, Bytes record) {
  CommitClock clock;
  decode_record({table, kCommitClockKey}, record, kClassVersion, clock.entries_);
  return clock;
}

}  // namespace piecemark::engine
