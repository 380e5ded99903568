// An open file: what its rooms do together. Each of them guards one thing and knows nothing of the others above it:
//
//   open_files      the files of this process, each open once
//   data_file       the file itself, by its path
//   file_locks      who may do what at the same time, in all processes
//   lock_file       LMDB's lock file, and what all processes share behind it
//   map             the LMDB environment, and the size of its map
//   table_handles   which tables there are
//   reader_slots    who reads which snapshot
//   commit_notes    what is kept in the file beside the tables of its users
//   commit_guard    notices that the file was overwritten
//   write_lock      one writer at a time
//   commits         write transactions of LMDB, which run on a writer_thread
//   private_copy    what is read instead, where the lock file may not be written
//
// transactions.h has how transactions begin and end with all of them.
// How a file is opened is in opening.cpp, how it comes to be in creation.h, and how it gives place to another in
// replacement.h.
//
// Invariants
//   - A process has at most one environment for a file, whatever names it is opened by: closing a second one would drop
//     the locks of the first.
//   - A writer holds the write lock, then LMDB's mutex, which is then always free.
//   - After a fork the child may only let go of the object.
//   - The file was at its path after it was opened: data file and lock file belong together, even where it was replaced
//     meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_owner.h"
#include "piecemark/long_reader.h"
#include "transaction.h"
#include "waiting.h"

namespace piecemark::engine {

struct EnvironmentOptions {
  bool read_only = false;
  bool trusted = false;  // Maps the file without walking its pages first.
  // Address space, not memory (map_size.h); grows by itself.
  std::uint64_t map_size_bytes = std::uint64_t{64} << 30;
  std::uint32_t busy_timeout_ms = 10'000;  // How long a writer waits for others.
  // So many of the tables every file has; files that an older library has made may lack the others.
  std::size_t required_tables = SIZE_MAX;
  // The table in which the environment keeps notes of its own (commit_notes.h). Without one it cannot be replaced, knows
  // no long readers, and notices an overwritten file by its meta pages alone.
  std::optional<std::size_t> notes_table = std::nullopt;
};

struct CreationOptions {
  // Whose the new file is, and who may do what with it, as far as this process may give it to them; its owner may write. Set
  // for what is made from another store. Without one, the file is as any new one of this process.
  std::optional<FileOwner> owner = std::nullopt;
  std::uint64_t map_size_bytes = std::uint64_t{64} << 30;  // for the map of the first transaction, or
  std::uint64_t expected_bytes = 0;  // how large the file may become, where that is more
  // Reads what was written, once it is durable, and throws where it is not what it should be. The pages are walked before.
  // Without it nothing is read.
  using Check = std::function<void(const ReadTransaction&)>;
  Check check = {};
  // As EnvironmentOptions has it.
  std::optional<std::size_t> notes_table = std::nullopt;
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // Opens an existing file with these tables. Table i of the list is table(i).
  // Errors  file_not_found, permission_denied, not_a_store, unsupported_container, unsupported_platform,
  //         unsafe_lock_file, corrupt_file, busy, io_error
  static std::shared_ptr<Environment> open(const std::string& path, std::span<const std::string_view> tables,
                                           const EnvironmentOptions& options);

  // Creates a file under a temporary name, lets `fill` write its first content, and gives it its name once it
  // is durable: a crash leaves either no file or a complete one.
  // Errors  file_exists, and those of open
  using Fill = std::function<void(WriteTransaction&)>;
  using Check = CreationOptions::Check;
  static void create(const std::string& path, std::span<const std::string_view> tables, const Fill& fill,
                     const CreationOptions& options = {});

  Environment(const Environment&) = delete;
  ~Environment();

  // Puts a new file in the place of this one: what `fill` writes while nobody else can write, read back by `check`. Owner and
  // permissions stay. Transactions that are open go on in the old file; whoever begins another one, in any process, gets
  // reopen_needed. A crash leaves either file, complete, under the name.
  // Errors  busy, read_only, disk_full, io_error, permission_denied (the owner cannot be kept),
  //         unsupported_platform (a file system without hard links), and those of open
  void replace(const Fill& fill, const Check& check, std::uint32_t busy_timeout_ms);
  // True once a transaction was refused because there is a newer file, or a newer state of it, to open in the place of this
  // environment.
  bool is_replaced() const;

  // A snapshot of the last commit. Where a private copy is read, it may be that of any commit since `copied_since`.
  // Cost    that of LMDB, and a few comparisons; a look-up after each commit
  // Errors  forked, busy, reopen_needed (the file was replaced or overwritten, or a commit failed)
  ReadTransaction begin_read(Deadline copied_since = Deadline::max());
  // Errors  read_only, busy (names the holder), forked, reopen_needed
  WriteTransaction begin_write();
  WriteTransaction begin_write(std::uint32_t busy_timeout_ms, const OnWait& on_wait = {});
  // Waits until the disk has all commits that were made before.
  // Errors  io_error, forked, reopen_needed
  void sync();

  // Walks the pages of the file as it is now. Writers wait meanwhile, in all processes.
  // Errors  corrupt_file (names the page), busy, forked
  void verify_pages();

  Table table(std::size_t index) const;
  const std::string& path() const;
  // In which the file lies.
  std::string folder() const;
  // For a file that is made from this one: its owner, its notes, the size of map that was asked for, and room for so many
  // times the bytes of this file.
  CreationOptions options_for_copy(unsigned times) const;
  bool is_read_only() const;

  // How much memory a transaction that writes so much should have made resident ahead (memory_reserve.h). None after the
  // first commit: LMDB keeps the memory of a transaction for the next, and nobody knows how much it has.
  std::uint64_t memory_to_reserve(std::uint64_t bytes_to_write) const;

  struct Usage {
    std::uint64_t file_bytes = 0;
    std::uint64_t pages_used = 0;  // up to the highest page ever used
    std::uint64_t map_bytes = 0;
    std::uint32_t readers = 0;  // snapshots that are open, in all processes that have not ended
  };
  // The caller has a transaction open, or nobody else uses the environment.
  Usage usage() const;

  // Processes that read a snapshot which was superseded longer ago than `limit_ms`, as of this transaction.
  // Cost  reads the free list for each of them
  std::vector<LongReader> long_readers(const ReadTransaction& transaction, std::uint64_t limit_ms) const;
  // Errors  corrupt_record  where a note of the environment fails its checksum
  void verify_notes(const ReadTransaction& transaction) const;
  // Frees the slots of readers that were killed. Opening does it too, and so do write transactions, once a second.
  void clear_dead_readers();

 private:
  friend class ReadTransaction;
  friend class WriteTransaction;
  friend class Opening;
  friend class Creation;
  friend class Replacement;
  friend class Transactions;
  struct Rooms;

  explicit Environment(std::unique_ptr<Rooms> rooms);
  void require_own_path();

  std::unique_ptr<Rooms> rooms_;
};

}  // namespace piecemark::engine
