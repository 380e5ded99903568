// When commits were made: a few of them, with their numbers. LMDB keeps no times for its readers; since when a snapshot is
// superseded follows from its number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "piecemark/timestamp.h"

namespace piecemark::engine {

inline constexpr std::string_view kCommitClockKey = "commits";

class CommitClock {
 public:
  struct Entry {
    std::uint64_t commit = 0;
    Timestamp made_by;  // it was there then, at the latest
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  static constexpr std::size_t kEntriesMax = 64;
  // Commits that follow a noted one within this time are not noted.
  static constexpr std::int64_t kPauseMicroseconds = 1'000'000;

  bool is_due(Timestamp now) const;
  // Keeps the oldest entry and the newest ones; the further back, the fewer of those between.
  void add(const Entry& entry);
  // When there was a commit after this one, at the latest. What has passed since is never too much; too little by a second
  // and by half of the rest at most. `newest` is the number of the last commit. nullopt where there is no later one, or none that
  // the clock can tell of.
  std::optional<Timestamp> superseded_at(std::uint64_t commit, std::uint64_t newest) const;

  const std::vector<Entry>& entries() const { return entries_; }

  // As the record that lies under kCommitClockKey in this table.
  std::string encode(std::string_view table) const;
  // Errors  corrupt_record
  static CommitClock decode(std::string_view table, Bytes record);

 private:
  std::ptrdiff_t least_needed() const;

  std::vector<Entry> entries_;  // in the order of their commits
};

}  // namespace piecemark::engine
