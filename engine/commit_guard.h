// Notices that a file was overwritten while it is open: by cp, by rsync --inplace, by a program that restores a backup into
// it. LMDB would not: it takes the newest commit from the number in the lock file, and would go on from a page that holds
// something else.
//
// There is a mark in the file, random bytes that tell its commits from others of their numbers. A process keeps the mark for
// commits that it makes one after the other, and writes a new one otherwise, and every second. So no two processes make
// commits under one mark, whatever they have met; and where two files have a commit of one number and one mark, it is the same
// commit.
//
// A transaction that begins compares, in the map,
//   - the number of its commit with the one in the meta page it was read from,
//   - that page, and those that lead to the mark, with what they were when a transaction of this process last began at the
//     same commit, or, the first time, the mark with the one that the writer has told all processes (shared_state.h).
// A writer refuses a file that holds a commit after the one it begins from. It compares all of this again before each change
// that it hands to LMDB, and before its commit.
//
// Files may lack marks: then the meta pages have to do.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "bytes.h"
#include "shared_state.h"
#include "transaction.h"

struct MDB_txn;

namespace piecemark::engine {

class Map;

inline constexpr std::string_view kMarkKey = "mark";

class CommitGuard {
 public:
  explicit CommitGuard(const Map& map) : map_(map) {}

  // Where commits leave their marks, and where writers tell of them.
  void set_notes(const Table& notes) { notes_ = notes; }
  void set_shared(SharedState* shared) { shared_ = shared; }

  // Whether the file holds this commit, from which the transaction has just begun.
  // Cost  a few comparisons in the map, where a transaction has begun from the same commit before, else a look-up
  bool holds(MDB_txn* transaction, std::uint64_t commit) const;
  // Whether the file holds the commit after it too: one that is being made just now, or was made by a process that was
  // killed before it could say so, or that no process has made which has the file open.
  bool holds_later(MDB_txn* transaction, std::uint64_t commit) const;

  // Tells those who have the file open that it holds this commit, from which the transaction has just begun; nothing where
  // it has no mark. The caller holds the write lock, or shares it.
  void tell(MDB_txn* transaction, std::uint64_t commit) const;
  // The same for one that this process has just made, under this mark. The caller is inside the map.
  void tell_made(const CommitMark& mark) const;

  // What a write transaction, which has just begun from this commit, relies on.
  CommitAnchor anchor_of(MDB_txn* transaction, std::uint64_t commit) const;

 private:
  // What is known of a commit: changed by one thread at a time, and read by others meanwhile, who see that it changes.
  struct Known {
    std::uint64_t generation = 0;  // of the map
    std::uint64_t commit = 0;
    std::uint64_t meta_hash = 0;
    // The way to the mark, page by page. Where it lay, it may still lie in a file whose commits have another one by now.
    const char* notes_root_at = nullptr;  // nullptr without a mark
    std::uint64_t notes_root = 0;
    const char* mark_at = nullptr;  // nullptr as well
    std::uint64_t random = 0;

    bool is_on_way() const;
  };
  static constexpr std::size_t kWords = sizeof(Known) / sizeof(std::uint64_t);

  const char* meta_of(MDB_txn* transaction, std::uint64_t commit) const;
  const char* meta_in(const char* pages, std::uint64_t commit) const;
  void find_pages(MDB_txn* transaction) const;
  bool knows_marks() const;
  Known look_at(MDB_txn* transaction, std::uint64_t commit, const char* meta) const;
  void look_for_mark(MDB_txn* transaction, Known& found) const;
  std::optional<Known> known() const;
  void remember(const Known& known) const;

  const Map& map_;
  std::optional<Table> notes_;
  SharedState* shared_ = nullptr;

  mutable std::atomic<std::uint64_t> pages_generation_{0};
  mutable std::atomic<const char*> pages_{
      nullptr};  // the first page in the map; nullptr where it cannot be told
  mutable std::atomic<std::uint64_t> page_size_{0};
  mutable std::atomic<std::uint64_t> sequence_{0};  // odd while the words change
  mutable std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace piecemark::engine
