#include "commit_notes.h"

#include "commit_guard.h"
#include "os.h"
#include "piecemark/error.h"
#include "record.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, piecemark::engine::CommitMark& mark, const unsigned /*version*/) {
  archive& mark.commit;
  archive& mark.random;
}

}  // namespace boost::serialization

namespace piecemark::engine {
namespace {

constexpr unsigned kMarkVersion = 0;

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

CommitMark new_mark(std::uint64_t commit) {
  CommitMark mark{.commit = commit};
  os::fill_random(std::as_writable_bytes(std::span(&mark.random, 1)));
  return mark;
}

}  // namespace

// A snapshot is looked at once: its number tells it from all others.
bool CommitNotes::is_noted_as_replaced(const ReadTransaction& transaction) {
  if (!table_) return false;
  const std::uint64_t commit = transaction.id();
  if (unreplaced_commit_.load(std::memory_order_relaxed) == commit) return false;
  if (transaction.get(*table_, kReplacedKey)) return true;
  unreplaced_commit_.store(commit, std::memory_order_relaxed);
  return false;
}

void CommitNotes::note_replacement(WriteTransaction& transaction) {
  std::string record;
  encode_record({table_.value().name, kReplacedKey}, Timestamp::now(), kReplacedVersion, record);
  transaction.put(*table_, kReplacedKey, record);
}

// Whoever writes holds the write lock, so that nobody is replacing the file.
std::optional<CommitMark> CommitNotes::write(WriteTransaction& transaction,
                                             const std::optional<CommitMark>& last) {
  if (!table_) return std::nullopt;
  if (unreplaced_commit_.load(std::memory_order_relaxed) + 1 != transaction.id())
    transaction.erase(*table_, kReplacedKey);
  // A mark in every commit would cost it a page.
  const bool is_due = note_time(transaction);
  if (!is_due && last && last->commit + 1 == transaction.id() &&
      last->random == own_random_.load(std::memory_order_relaxed))
    return CommitMark{.commit = transaction.id(), .random = last->random};
  const CommitMark mark = new_mark(transaction.id());
  own_random_.store(mark.random, std::memory_order_relaxed);
  std::string record;
  encode_record({table_->name, kMarkKey}, mark, kMarkVersion, record);
  transaction.put(*table_, kMarkKey, record);
  return mark;
}

bool CommitNotes::note_time(WriteTransaction& transaction) {
  const Timestamp now{os::now_microseconds()};
  const std::int64_t passed = now.microseconds - noted_time_.load(std::memory_order_relaxed);
  if (passed >= 0 && passed < CommitClock::kPauseMicroseconds) return false;
  CommitClock clock = clock_or_new(transaction, *table_);
  if (!clock.is_due(now)) {
    noted_time_.store(clock.entries().back().made_by.microseconds, std::memory_order_relaxed);
    return false;
  }
  clock.add({transaction.id(), now});
  transaction.put(*table_, kCommitClockKey, clock.encode(table_->name));
  return true;
}

void CommitNotes::verify(const ReadTransaction& transaction) const {
  clock_of(transaction);
  if (!table_) return;
  if (const auto replaced = transaction.get(*table_, kReplacedKey)) {
    Timestamp since;
    decode_record({table_->name, kReplacedKey}, *replaced, kReplacedVersion, since);
  }
  if (const auto record = transaction.get(*table_, kMarkKey)) {
    CommitMark mark;
    decode_record({table_->name, kMarkKey}, *record, kMarkVersion, mark);
  }
}

CommitClock CommitNotes::clock_of(const ReadTransaction& transaction) const {
  return table_ ? clock_in(transaction, *table_) : CommitClock();
}

}  // namespace piecemark::engine
