// The tables of an open file and LMDB's handles of them.
//
// Invariant  A transaction knows the handles of all tables that its snapshot has: a table that a migration has added since
//            the file was opened is opened before the first transaction that sees it is handed out.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "map.h"
#include "transaction.h"

namespace piecemark::engine {

class TableHandles {
 public:
  TableHandles(Map& map, const std::string& path) : map_(map), path_(path) {}

  // These tables, from now on: the first so many must be in the file. The caller is inside the map.
  // Errors  not_a_store, corrupt_file
  void open(std::span<const std::string_view> names, std::size_t required);
  // These tables, which are to be created.
  void name(std::span<const std::string_view> names);

  Table table(std::size_t index) const { return {tables_[index].handle.load(), tables_[index].name}; }
  std::vector<std::string_view> names() const;

  // False where the snapshot has a table that was opened after it began, or not yet.
  bool are_known(MDB_txn* transaction) const;
  // Opens the tables that are there and have no handle yet. The caller is inside the map.
  void adopt();

  // In the write transaction; its end keeps or forgets them. False where none is missing.
  bool create_missing(MDB_txn* transaction);
  void keep_created() noexcept;
  void forget_created() noexcept;

 private:
  bool try_open(MDB_txn* transaction, const std::string& name, unsigned& handle) const;

  struct NamedTable {
    std::string name;
    std::atomic<unsigned> handle{Table::kMissing};
    bool is_created = false;  // by the write transaction that is open
  };

  Map& map_;
  const std::string& path_;
  std::deque<NamedTable> tables_;
  std::mutex mutex_;
  bool may_lack_tables_ = false;
};

}  // namespace piecemark::engine
