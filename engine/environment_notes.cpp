// What an environment keeps in the file for itself, beside what its users store: notes in a table of theirs.
#include "environment.h"
#include "piecemark/error.h"
#include "record.h"

namespace piecemark::engine {
namespace {

CommitClock clock_in(const ReadTransaction& transaction, const Table& notes) {
  const auto record = transaction.get(notes, kCommitClockKey);
  return record ? CommitClock::decode(notes.name, *record) : CommitClock();
}

// A damaged clock is no reason to refuse a commit.
CommitClock clock_or_new(const ReadTransaction& transaction, const Table& notes) {
  try {
    return clock_in(transaction, notes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt_record) throw;
    return {};
  }
}

}  // namespace

// Whether somebody was about to replace the file when the last commit was made, and nobody has written since. A snapshot
// is looked at once: its number tells it from all others.
bool Environment::is_noted_as_replaced(const ReadTransaction& transaction) {
  if (!options_.notes_table) return false;
  const std::uint64_t commit = transaction.id();
  if (unreplaced_commit_.load(std::memory_order_relaxed) == commit) return false;
  if (transaction.get(table(*options_.notes_table), kReplacedKey)) return true;
  unreplaced_commit_.store(commit, std::memory_order_relaxed);
  return false;
}

// To be called before a commit that changes something. Whoever writes has the turn, so that nobody is replacing the file.
void Environment::write_notes(WriteTransaction& transaction) {
  if (!options_.notes_table) return;
  if (unreplaced_commit_.load(std::memory_order_relaxed) + 1 != transaction.id())
    transaction.erase(table(*options_.notes_table), kReplacedKey);
  note_time(transaction);
}

void Environment::note_time(WriteTransaction& transaction) {
  const Timestamp now{os::now_microseconds()};
  const std::int64_t passed = now.microseconds - noted_time_.load(std::memory_order_relaxed);
  if (passed >= 0 && passed < CommitClock::kPauseMicroseconds) return;
  const Table notes = table(*options_.notes_table);
  CommitClock clock = clock_or_new(transaction, notes);
  if (!clock.is_due(now)) {
    noted_time_.store(clock.entries().back().made_by.microseconds, std::memory_order_relaxed);
    return;
  }
  clock.add({transaction.id(), now});
  transaction.put(notes, kCommitClockKey, clock.encode(notes.name));
}

void Environment::verify_notes(const ReadTransaction& transaction) const {
  clock_of(transaction);
  if (!options_.notes_table) return;
  const Table notes = table(*options_.notes_table);
  const auto replaced = transaction.get(notes, kReplacedKey);
  Timestamp since;
  if (replaced) decode_record({notes.name, kReplacedKey}, *replaced, kReplacedVersion, since);
}

CommitClock Environment::clock_of(const ReadTransaction& transaction) const {
  return options_.notes_table ? clock_in(transaction, table(*options_.notes_table)) : CommitClock();
}

}  // namespace piecemark::engine
