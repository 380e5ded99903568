#include "commit_guard.h"

#include <lmdb.h>
#include <unistd.h>

#include <bit>

#include "lmdb_pages.h"
#include "map.h"
#include "record.h"

namespace piecemark::engine {
namespace {

// Within a meta record.
constexpr std::size_t kRootAt = 72 + 40;
constexpr std::size_t kLastPageAt = 120;
constexpr std::size_t kCommitAt = 128;
// Within the record of a mark: checksum and class version come first.
constexpr std::size_t kMarkCommitAt = kChecksumSize + 1;
constexpr std::size_t kMarkRandomAt = kMarkCommitAt + sizeof(std::uint64_t);
constexpr std::size_t kMarkSize = kMarkRandomAt + sizeof(std::uint64_t);

bool holds_mark(const char* at, std::uint64_t random) {
  return at == nullptr || load<std::uint64_t>(at) == random;
}

}  // namespace

// The address of a page follows from that of anything in it: pages lie at multiples of their size in the map, if that is
// the page size of the system, and begin with their number.
void CommitGuard::find_pages(MDB_txn* transaction) const {
  const std::uint64_t generation = map_.generation();
  if (pages_generation_.load(std::memory_order_acquire) == generation) return;
  const char* pages = nullptr;
  MDB_stat statistics{};
  MDB_cursor* cursor = nullptr;
  if (mdb_stat(transaction, kTableOfTables.handle, &statistics) == MDB_SUCCESS &&
      statistics.ms_psize == static_cast<unsigned>(::sysconf(_SC_PAGESIZE)) &&
      mdb_cursor_open(transaction, kTableOfTables.handle, &cursor) == MDB_SUCCESS) {
    MDB_val key{};
    MDB_val value{};
    if (mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == MDB_SUCCESS) {
      const auto* const at = static_cast<const char*>(key.mv_data);
      const char* const page = at - reinterpret_cast<std::uintptr_t>(at) % statistics.ms_psize;
      pages = page - load<std::uint64_t>(page) * statistics.ms_psize;
    }
    mdb_cursor_close(cursor);
  }
  page_size_.store(statistics.ms_psize, std::memory_order_relaxed);
  pages_.store(pages, std::memory_order_relaxed);
  pages_generation_.store(generation, std::memory_order_release);
}

// nullptr where nothing can be told.
const char* CommitGuard::meta_of(MDB_txn* transaction, std::uint64_t commit) const {
  find_pages(transaction);
  const char* const pages = pages_.load(std::memory_order_relaxed);
  if (pages == nullptr) return nullptr;
  return pages + (commit & 1) * page_size_.load(std::memory_order_relaxed) + lmdb::kHeaderSize;
}

std::optional<CommitGuard::Known> CommitGuard::known() const {
  const std::uint64_t before = sequence_.load(std::memory_order_acquire);
  if ((before & 1) != 0) return std::nullopt;
  std::array<std::uint64_t, kWords> words{};
  for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
  if (sequence_.load(std::memory_order_acquire) != before) return std::nullopt;
  return std::bit_cast<Known>(words);
}

void CommitGuard::remember(const Known& known) const {
  std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
  if ((sequence & 1) != 0 || !sequence_.compare_exchange_strong(sequence, sequence + 1)) return;
  const auto words = std::bit_cast<std::array<std::uint64_t, kWords>>(known);
  for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
  sequence_.store(sequence + 2, std::memory_order_release);
}

CommitGuard::Known CommitGuard::look_at(MDB_txn* transaction, std::uint64_t commit, const char* meta) const {
  Known found{.generation = pages_generation_.load(std::memory_order_relaxed),
              .commit = commit,
              .root = load<std::uint64_t>(meta + kRootAt),
              .last_page = load<std::uint64_t>(meta + kLastPageAt)};
  if (!knows_marks()) return found;
  MDB_val key{kMarkKey.size(), const_cast<char*>(kMarkKey.data())};
  MDB_val value{};
  if (mdb_get(transaction, notes_->handle, &key, &value) != MDB_SUCCESS || value.mv_size != kMarkSize)
    return found;
  const auto* const record = static_cast<const char*>(value.mv_data);
  // That of an earlier commit was left by a library that knows no marks.
  if (load<std::uint64_t>(record + kMarkCommitAt) != commit) return found;
  found.mark_at = record + kMarkRandomAt;
  found.random = load<std::uint64_t>(record + kMarkRandomAt);
  return found;
}

bool CommitGuard::knows_marks() const {
  return notes_ && notes_->handle != Table::kMissing;
}

bool CommitGuard::holds(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit);
  if (meta == nullptr) return true;
  if (load<std::uint64_t>(meta + kCommitAt) != commit) return false;
  const auto before = known();
  if (before && before->commit == commit &&
      before->generation == pages_generation_.load(std::memory_order_relaxed)) {
    // The pages first: where they are others, the mark may lie behind the end of the file.
    return load<std::uint64_t>(meta + kRootAt) == before->root &&
           load<std::uint64_t>(meta + kLastPageAt) == before->last_page &&
           holds_mark(before->mark_at, before->random);
  }
  const Known found = look_at(transaction, commit, meta);
  if (shared_ != nullptr && knows_marks()) {
    const auto told = shared_->last_commit();
    if (told && told->commit == commit && (found.mark_at == nullptr || told->random != found.random))
      return false;
  }
  remember(found);
  return true;
}

bool CommitGuard::holds_later(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit + 1);
  return meta != nullptr && load<std::uint64_t>(meta + kCommitAt) > commit;
}

CommitAnchor CommitGuard::anchor_of(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit);
  if (meta == nullptr) return {};
  return {{.number = meta + kCommitAt,
           .root = meta + kRootAt,
           .last_page = meta + kLastPageAt,
           .later_number = meta_of(transaction, commit + 1) + kCommitAt,
           .mark = look_at(transaction, commit, meta).mark_at},
          commit};
}

}  // namespace piecemark::engine
