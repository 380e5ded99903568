// What the engine keeps in the file for itself, beside what its users store: notes in a table of theirs.
//
//   "replaced"  another file is about to take the place of this one (replacement.cpp)
//   "commits"   when some of the commits were made (commit_clock.h)
//   "mark"      that tells commits from others of their numbers (commit_guard.h)
//
// Files need have none of them. Without a table for them a file cannot be replaced, and knows no long readers.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "commit_clock.h"
#include "shared_state.h"
#include "transaction.h"

namespace piecemark::engine {

inline constexpr std::string_view kReplacedKey = "replaced";
inline constexpr unsigned kReplacedVersion = 0;

class CommitNotes {
 public:
  void set_table(const Table& table) { table_ = table; }
  const std::optional<Table>& table() const { return table_; }

  // Whether somebody was about to replace the file when the last commit was made, and nobody has written since.
  bool is_noted_as_replaced(const ReadTransaction& transaction);
  void note_replacement(WriteTransaction& transaction);

  // To be called before a commit that changes something: its mark, which the caller tells others of once it is made.
  // It is that of the commit before, `last`, if this process has made that under a mark of its own, unless the notes are
  // written anyway. So no two processes ever make commits under one mark.
  // nullopt without a table.
  std::optional<CommitMark> write(WriteTransaction& transaction, const std::optional<CommitMark>& last);

  CommitClock clock_of(const ReadTransaction& transaction) const;
  // Errors  corrupt_record
  void verify(const ReadTransaction& transaction) const;

 private:
  // Whether it was time to.
  bool note_time(WriteTransaction& transaction);

  std::optional<Table> table_;
  // The commit that is known to have no note of a replacement.
  std::atomic<std::uint64_t> unreplaced_commit_{0};
  std::atomic<std::uint64_t> own_random_{0};  // of the last mark of this process
  std::atomic<std::int64_t> noted_time_{0};   // of the last commit that this process has put into the clock
};

}  // namespace piecemark::engine
