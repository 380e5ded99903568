// An open file: the LMDB environment, its locks and its map. The only caller of mdb_env_*.
//
// Invariants
//   - A process has at most one environment for a file, whatever names it is opened by: closing a second one
//     would drop the locks of the first. A registry by device and inode hands out the one that is there.
//   - A writer holds the turn (writer_turn.h), then LMDB's write lock, which is then always free.
//   - The map is resized only while this process has no transaction open.
//   - After a fork the child may only let go of the object.
//   - The file was at its path after it was opened: data file and lock file belong together, even where it was replaced
//     meanwhile (environment_replace.cpp).
//   - A transaction knows the handles of all tables that its snapshot has: a table that a migration has added since
//     the file was opened is opened before the first transaction that sees it is handed out.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commit_clock.h"
#include "file_owner.h"
#include "os.h"
#include "piecemark/long_reader.h"
#include "transaction.h"
#include "writer_turn.h"

struct MDB_env;

namespace piecemark::engine {

class FileInCreation;

struct CreationOptions {
  // Whose the new file is, and who may do what with it, as far as this process may give it to them; its owner may write. Set
  // for what is made from another store. Without one, the file is as any new one of this process.
  std::optional<FileOwner> owner = std::nullopt;
  std::uint64_t map_size_bytes = std::uint64_t{64} << 30;  // for the map of the first transaction, or
  std::uint64_t expected_bytes = 0;  // how large the file may become, where that is more
  // Reads what was written, once it is durable, and throws where it is not what it should be. The pages are walked before.
  // Without it nothing is read.
  std::function<void(const ReadTransaction&)> check = {};
};

// The note that somebody was about to put another file in the place of this one.
inline constexpr std::string_view kReplacedKey = "replaced";
inline constexpr unsigned kReplacedVersion = 0;

struct EnvironmentOptions {
  bool read_only = false;
  bool trusted = false;  // Maps the file without walking its pages first.
  std::uint64_t map_size_bytes = std::uint64_t{64}
                                 << 30;    // Address space, not memory (map_size.h); grows by itself.
  std::uint32_t busy_timeout_ms = 10'000;  // How long a writer waits for its turn.
  // So many of the tables every file has; files that an older library has made may lack the others.
  std::size_t required_tables = SIZE_MAX;
  // The table in which the environment keeps notes of its own, under the keys "replaced" and "commits". Without one it
  // cannot be replaced, and knows no long readers.
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
  static void create(const std::string& path, std::span<const std::string_view> tables, const Fill& fill,
                     const CreationOptions& options = {});

  Environment(const Environment&) = delete;
  ~Environment();

  // Puts a new file in the place of this one: what `fill` writes while nobody else can write, read back by `check`. Owner and
  // permissions stay. Transactions that are open go on in the old file; whoever begins another one, in any process, gets
  // reopen_needed. A crash leaves either file, complete, under the name.
  // Errors  busy, read_only, disk_full, io_error, permission_denied (the owner cannot be kept),
  //         unsupported_platform (a file system without hard links), and those of open
  using Check = std::function<void(const ReadTransaction&)>;
  void replace(const Fill& fill, const Check& check, std::uint32_t busy_timeout_ms);
  // True once a transaction was refused because the path leads to a file that has replaced this one. Open it again.
  bool is_replaced() const { return is_replaced_.load(); }

  // Cost  30 to 60 ns.  Errors  forked, reopen_needed, busy
  ReadTransaction begin_read();
  // Errors  read_only, busy (names the holder), forked, reopen_needed
  WriteTransaction begin_write() { return begin_write(options_.busy_timeout_ms); }
  WriteTransaction begin_write(std::uint32_t busy_timeout_ms, const OnWait& on_wait = {});

  // Walks the pages of the file as it is now. Writers wait meanwhile, in all processes.
  // Errors  corrupt_file (names the page), busy, forked
  void verify_pages();

  Table table(std::size_t index) const { return {tables_[index].handle.load(), tables_[index].name}; }
  const std::string& path() const { return path_; }
  // In which the file lies.
  std::string folder() const;
  // For a file that is made from this one: its owner, the size of map that was asked for, and room for so many times the
  // bytes of this file.
  CreationOptions options_for_copy(unsigned times) const;
  bool is_read_only() const { return options_.read_only; }

  // How much memory a transaction that writes so much should have made resident ahead (memory_reserve.h). None after the
  // first commit: LMDB keeps the memory of a transaction for the next, and nobody knows how much it has.
  std::uint64_t memory_to_reserve(std::uint64_t bytes_to_write) const;

  struct Usage {
    std::uint64_t file_bytes = 0;
    std::uint64_t pages_used = 0;  // up to the highest page ever used
    std::uint64_t map_bytes = 0;
    std::uint32_t readers = 0;  // reader slots in use, in all processes
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
  class Registry;

  Environment(std::string path, const EnvironmentOptions& options);

  static std::shared_ptr<Environment> open_as_it_is(const std::string& path,
                                                    std::span<const std::string_view> tables,
                                                    const EnvironmentOptions& options);
  static std::shared_ptr<Environment> open_in_creation(const std::string& temporary,
                                                       const EnvironmentOptions& options);
  static void write_new_file(const std::string& temporary, std::span<const std::string_view> tables,
                             const Fill& fill, std::uint64_t map_size_bytes);
  static void check_new_file(const FileInCreation& file, std::span<const std::string_view> tables,
                             const Check& check);
  static void complete_new_file(const FileInCreation& file, std::span<const std::string_view> tables,
                                const Fill& fill, const CreationOptions& options);
  FileOwner owner() const;
  void open_file();
  bool is_at_its_path() const;
  void await_replacement();
  bool try_finish_replacement();
  void open_checked(std::span<const std::string_view> tables);
  void check_pages(const char* attempted) const;
  void prepare_lock_file(bool is_alone);
  std::uint64_t noted_commit();
  void require_own_lock_table(std::uint64_t noted, std::uint64_t behind_max) const;
  void open_map(unsigned more_flags = 0);
  void open_tables(std::span<const std::string_view> names);
  bool try_open(MDB_txn* transaction, const std::string& name, unsigned& handle) const;
  void adopt_tables();
  bool knows_tables(MDB_txn* transaction) const;
  MDB_txn* begin_writing();
  void create_missing_tables(MDB_txn* transaction);
  void keep_created_tables() noexcept;
  void forget_created_tables() noexcept;
  void settle_after_dead_processes();
  void close() noexcept;

  void check_usable(const char* attempted) const;
  void require_opened_for_writing() const;
  [[noreturn]] void throw_writer_is_busy(const char* attempted) const;
  void share_file_lock();
  void unshare_file_lock() noexcept;
  void enter();
  void leave() noexcept;
  MDB_txn* begin(unsigned flags, const char* attempted);
  MDB_txn* begin_snapshot();
  ReadTransaction begin_read_of_this_file();
  bool try_resize_map(std::uint64_t bytes, std::uint32_t timeout_ms);
  void grow_map_if_needed();

  void end_read(MDB_txn* transaction, bool holds_file_lock) noexcept;
  void end_write(MDB_txn* transaction, bool holds_turn) noexcept;
  void commit(MDB_txn* transaction, Durability durability, bool holds_turn);
  std::exception_ptr failed_commit(int code) noexcept;
  void want_larger_map() { wants_larger_map_ = true; }

  void take_turn(std::uint32_t busy_timeout_ms, const OnWait& on_wait);
  bool is_noted_as_replaced(const ReadTransaction& transaction);
  [[noreturn]] void throw_replaced(const char* attempted);
  void note_replacement();
  void give_place_to(FileInCreation& file, const std::string& attempted);
  CommitClock clock_of(const ReadTransaction& transaction) const;
  void write_notes(WriteTransaction& transaction);
  void note_time(WriteTransaction& transaction);
  void clear_dead_readers_now_and_then();

  std::string path_;
  EnvironmentOptions options_;
  MDB_env* handle_ = nullptr;
  os::File file_;  // for the lock on the data file
  os::FileId file_id_;
  struct NamedTable {
    std::string name;
    std::atomic<unsigned> handle{Table::kMissing};
    bool is_created = false;  // by the write transaction that is open
  };
  std::deque<NamedTable> tables_;
  std::mutex tables_mutex_;
  bool may_lack_tables_ = false;
  std::uint64_t fork_generation_ = 0;
  bool reads_without_lock_file_ = false;

  std::atomic<bool> needs_reopen_{false};
  std::atomic<bool> is_replaced_{false};
  // The commit that is known to have no note of a replacement.
  std::atomic<std::uint64_t> unreplaced_commit_{0};
  std::atomic<std::int64_t> noted_time_{0};  // of the last commit that this process has put into the clock
  std::atomic<std::int64_t> cleared_dead_readers_{0};  // when
  std::atomic<bool> wants_larger_map_{false};

  WriterTurn turn_;
  std::atomic<bool> has_committed_{false};

  // Transactions open in this process, and the gate that keeps new ones out while the map is resized.
  std::atomic<std::int64_t> open_transactions_{0};
  std::atomic<bool> resizing_{false};
  std::mutex resize_mutex_;

  // Readers that share the lock on the data file because there is no lock file.
  std::mutex shared_lock_mutex_;
  int shared_lock_count_ = 0;
};

}  // namespace piecemark::engine
