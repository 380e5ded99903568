#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "piecemark/compaction.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/durability.h"
#include "piecemark/error.h"
#include "piecemark/export.h"
#include "piecemark/long_reader.h"
#include "piecemark/read_txn.h"
#include "piecemark/uuid.h"
#include "piecemark/version.h"
#include "piecemark/work_progress.h"
#include "piecemark/write_txn.h"

namespace piecemark {

class StoreCore;

// A snapshot is called long-lived from so many milliseconds on, unless another limit is given.
inline constexpr std::uint32_t kLongReaderMs = 5'000;

// A process opens a file once, whatever the number of stores: trusted and map_size_bytes count where it is opened
// first.
struct OpenOptions {
  bool read_only = false;
  // Skips the walk over all pages that keeps a damaged or hostile file from being mapped. Only for files that
  // nobody else could have touched: LMDB crashes on bytes that are wrong, or writes where it should not. Checksums are
  // checked all the same. bench/checks_benchmark compares the two.
  bool trusted = false;
  // Writes a file of an older format as it is, for programs that feed old apps. Without it, write() asks for
  // an upgrade.
  bool write_older_format = false;
  // How long write() waits for another writer before it throws busy.
  std::uint32_t busy_timeout_ms = 10'000;
  // What commits of this store wait for.
  Durability durability = Durability::full;
  // Address space for the map, not memory: from 1 MiB to 64 TiB, what is less or more counts as these. Grows by itself; a
  // single transaction cannot outgrow it. Files that are made from the store begin with a map of this size, or of what
  // they need. The file notes the largest map that it had in any process.
  std::uint64_t map_size_bytes = std::uint64_t{64} << 30;
  // Called by write(), before it begins, for each process whose snapshot was superseded longer ago than long_reader_ms;
  // at most once a second. It may read; what it throws comes out of write().
  std::function<void(const LongReader& reader)> on_long_reader = {};
  std::uint32_t long_reader_ms = kLongReaderMs;
};

struct CreateOptions {
  std::uint32_t format = 0;  // 0: the newest
  // Treats NULLs in the key as equal: a mark without instance then occurs once on a drawing.
  bool nulls_not_distinct = false;
  // What the file holds from the beginning, written in the transaction that makes it. commit() and rollback() are left to
  // create(). What it throws comes out of create(), and then there is no file.
  std::function<void(WriteTxn& txn)> content = {};
};

struct StoreInfo {
  std::uint32_t format = 0;
  bool nulls_not_distinct = false;
  Timestamp created_at;
  Version created_by;
  std::optional<Timestamp> migrated_at;
  Version migrated_by;  // 0.0.0 before the first migration
  std::uint64_t components = 0;
  std::uint64_t drawings = 0;
  std::uint64_t stash_entries = 0;
  std::uint64_t migrations = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t map_bytes = 0;
  std::uint32_t readers = 0;  // snapshots that are open, in all processes that have not ended
};

// A store: one file of drawings and components.
//
// Lifetime  Copies share the open file, which is closed with the last copy and the last transaction.
// Threads   Safe to share: any number of threads and processes read while one writes. After fork the child opens
//           the file again; using the parent's store there throws forked. A store may live until the very end of the
//           process, in a global variable or in one that is never destroyed.
// Files     Whoever else touches the file is noticed at the next transaction: one that was compacted is followed by itself;
//           one that was overwritten, removed or replaced gives reopen_needed before anything is written.
// Errors    Every call on a store that was moved from reports invalid_use.
class PIECEMARK_API Store {
 public:
  // Opens an existing file. Never upgrades it: a file of an older format can be read as it is.
  // Errors  file_not_found, permission_denied, not_a_store, unsupported_container, format_too_new, corrupt_file,
  //         unsafe_lock_file, busy
  // Cost    about 0.2 ms, and up to 0.3 ms a MB for the walk over the pages, unless the file is trusted or another
  //         process is writing it just then
  static Store open(const std::string& path, const OpenOptions& options = {});

  // Creates a file, empty or with its first content, durably, and opens it. Where the opening fails, the new file stays: it
  // is complete. Nobody sees it before, and one of several programs that create the same file at once comes first: the
  // others get file_exists, some of them only after their `content` has run.
  // Errors  file_exists, no_such_format, permission_denied, disk_full, and whatever `content` throws
  static Store create(const std::string& path, const CreateOptions& create = {},
                      const OpenOptions& open = {});

  // Begins a snapshot of the last commit.
  // Errors  format_changed  another process took the file to a format that this library does not know
  //         reopen_needed   the file was overwritten: close the store and open it again
  //         busy            this process has as many snapshots open as leave others room (1,534)
  ReadTxn read() const;

  // Begins the write transaction; waits for other writers.
  // Errors  busy, read_only, format_too_old, disk_full, reopen_needed
  WriteTxn write();

  // Makes a small change in a commit that it may share with changes that other threads make at the same time: they wait
  // for the disk once instead of once each. Returns once it is committed. Changes are as if made one after the other;
  // one that throws leaves nothing, and the exception goes to its own caller.
  // `change` gets the transaction, and leaves commit() and rollback() to this call. It may run on another thread, and
  // more than once: where a change of the group fails, the others start again.
  // Errors  those of write() and commit(), and whatever `change` throws
  void write_grouped(const std::function<void(WriteTxn& txn)>& change);

  // Waits until the disk has all commits that were made before, by whomever. So does the commit of a transaction without
  // changes, with full durability.
  // Errors  io_error (it is unknown what the disk has), reopen_needed
  // Cost    one wait for the disk; none where this process has waited for the last commit already
  void sync() const;

  StoreInfo info() const;

  // Writes a copy of the last commit to a new file, compact, while others read and write. It gets its name once it is
  // durable and was read back as a whole: pages, checksums, index entries, constraints, content. It has the owner, group and
  // permissions of the store, as far as this process may give them, and its owner may write; access control lists are not
  // copied. Works on a store opened for reading, and on every format.
  // Errors  file_exists, file_not_found (no such folder), permission_denied, disk_full, io_error, corrupt_record,
  //         corrupt_file, migration_mismatch, canceled; nothing is left behind
  // Cost    reads every row three times and writes it once; keeps a snapshot meanwhile
  void backup(const std::string& out, const OnProgress& on_progress = {}) const;

  // Writes the file anew, without the room that deleted rows and old versions of pages take, and puts the new file in the
  // place of the old one. Content, format, history, stash, owner and permissions stay (access control lists and extended
  // attributes do not). A crash leaves either file, complete. Writers wait meanwhile. Readers, in every process, keep
  // their snapshot, and find the new file with their next transaction; the room of the old one is free when the last of
  // them has ended.
  // Errors  busy, read_only, disk_full (it needs room for the new file beside the old one), permission_denied,
  //         unsupported_platform (no hard links), io_error, corrupt_record, corrupt_file, migration_mismatch, canceled
  // Cost    that of backup()
  Compaction compact(const OnProgress& on_progress = {});

  // Processes that read a snapshot which was superseded longer ago than this, the oldest first. Readers that were killed
  // are not among them: their slots are freed.
  // Cost  reads the list of free pages for each of them
  std::vector<LongReader> long_readers(std::uint32_t older_than_ms = kLongReaderMs) const;

  const std::string& path() const;

 private:
  friend StoreCore& core_of(const Store& store);
  explicit Store(std::shared_ptr<StoreCore> core);
  const std::shared_ptr<StoreCore>& core() const;
  std::shared_ptr<StoreCore> core_;
};

}  // namespace piecemark
