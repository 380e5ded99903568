#include "commit_guard.h"

#include <lmdb.h>
#include <unistd.h>

#include <bit>

#include "lmdb_pages.h"
#include "map.h"
#include "record.h"

namespace piecemark::engine {
namespace {

// Within the record of a mark: checksum and class version come first.
constexpr std::size_t kMarkRandomAt = kChecksumSize + 1 + sizeof(std::uint64_t);
constexpr std::size_t kMarkSize = kMarkRandomAt + sizeof(std::uint64_t);

}  // namespace

// Page by page: where the one before is another, the next may lie behind the end of the file.
bool CommitGuard::Known::is_on_way() const {
  return mark_at == nullptr ||
         (load<std::uint64_t>(notes_root_at) == notes_root && load<std::uint64_t>(mark_at) == random);
}

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
  return meta_in(pages, commit);
}

const char* CommitGuard::meta_in(const char* pages, std::uint64_t commit) const {
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
              .meta_hash = CommitAnchor::hash_of_meta(meta)};
  if (knows_marks()) look_for_mark(transaction, found);
  return found;
}

// Where a root has grown over others, there is more of a way than is looked at: as if there were no mark.
void CommitGuard::look_for_mark(MDB_txn* transaction, Known& found) const {
  MDB_stat main{};
  MDB_val name{notes_->name.size(), const_cast<char*>(notes_->name.data())};
  MDB_val table{};
  MDB_val key{kMarkKey.size(), const_cast<char*>(kMarkKey.data())};
  MDB_val mark{};
  if (mdb_stat(transaction, kTableOfTables.handle, &main) != MDB_SUCCESS || main.ms_depth != 1 ||
      mdb_get(transaction, kTableOfTables.handle, &name, &table) != MDB_SUCCESS ||
      table.mv_size != lmdb::kTreeSize ||
      lmdb::load_tree(static_cast<const char*>(table.mv_data)).depth != 1 ||
      mdb_get(transaction, notes_->handle, &key, &mark) != MDB_SUCCESS || mark.mv_size != kMarkSize)
    return;
  found.notes_root_at = static_cast<const char*>(table.mv_data) + lmdb::kTreeRootAt;
  found.notes_root = load<std::uint64_t>(found.notes_root_at);
  found.mark_at = static_cast<const char*>(mark.mv_data) + kMarkRandomAt;
  found.random = load<std::uint64_t>(found.mark_at);
}

bool CommitGuard::knows_marks() const {
  return notes_ && notes_->handle != Table::kMissing;
}

bool CommitGuard::holds(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit);
  if (meta == nullptr) return true;
  if (load<std::uint64_t>(meta + lmdb::kMetaTransactionAt) != commit) return false;
  const auto before = known();
  if (before && before->commit > commit) return false;  // Numbers only grow.
  if (before && before->commit == commit &&
      before->generation == pages_generation_.load(std::memory_order_relaxed))
    return CommitAnchor::hash_of_meta(meta) == before->meta_hash && before->is_on_way();
  CommitFacts expected;
  if (shared_ != nullptr && knows_marks()) {
    const auto told = shared_->expected(commit);
    if (!told) return false;
    expected = *told;
  }
  // Before anything is looked up by way of that page.
  if (expected.meta_hash != 0 && CommitAnchor::hash_of_meta(meta) != expected.meta_hash) return false;
  const Known found = look_at(transaction, commit, meta);
  if (expected.random && (found.mark_at == nullptr || found.random != *expected.random)) return false;
  remember(found);
  return true;
}

void CommitGuard::tell(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit);
  if (shared_ == nullptr || meta == nullptr) return;
  const Known found = look_at(transaction, commit, meta);
  if (found.mark_at != nullptr) shared_->tell({commit, found.random}, found.meta_hash);
}

void CommitGuard::tell_made(const CommitMark& mark) const {
  if (shared_ == nullptr) return;
  const char* const pages = pages_.load(std::memory_order_relaxed);
  const bool is_mapped =
      pages != nullptr && pages_generation_.load(std::memory_order_relaxed) == map_.generation();
  shared_->tell(mark, is_mapped ? CommitAnchor::hash_of_meta(meta_in(pages, mark.commit)) : 0);
}

bool CommitGuard::holds_later(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit + 1);
  return meta != nullptr && load<std::uint64_t>(meta + lmdb::kMetaTransactionAt) > commit;
}

CommitAnchor CommitGuard::anchor_of(MDB_txn* transaction, std::uint64_t commit) const {
  const char* const meta = meta_of(transaction, commit);
  if (meta == nullptr) return {};
  const Known found = look_at(transaction, commit, meta);
  return {{.meta = meta,
           .later_number = meta_of(transaction, commit + 1) + lmdb::kMetaTransactionAt,
           .notes_root = found.notes_root_at,
           .mark = found.mark_at},
          commit};
}

}  // namespace piecemark::engine
