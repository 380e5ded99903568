#include "table_handles.h"

#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "lmdb_error.h"

namespace piecemark::engine {

void TableHandles::name(std::span<const std::string_view> names) {
  for (const std::string_view name : names) tables_.emplace_back().name = name;
}

void TableHandles::open(std::span<const std::string_view> names, std::size_t required) {
  name(names);
  adopt();
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].handle != Table::kMissing) continue;
    if (i < required) {
      throw Error(ErrorCode::not_a_store, {"cannot open '" + path_ + "'",
                                           "an LMDB file without the table '" + tables_[i].name + "'",
                                           {},
                                           "check that this is the right file"});
    }
    may_lack_tables_ = true;
  }
}

std::vector<std::string_view> TableHandles::names() const {
  std::vector<std::string_view> names;
  for (const NamedTable& table : tables_) names.emplace_back(table.name);
  return names;
}

bool TableHandles::are_known(MDB_txn* transaction) const {
  if (!may_lack_tables_) return true;
  return std::all_of(tables_.begin(), tables_.end(), [&](const NamedTable& table) {
    MDB_stat statistics{};
    if (mdb_stat(transaction, table.handle, &statistics) == MDB_SUCCESS) return true;
    MDB_val name{table.name.size(), const_cast<char*>(table.name.data())};
    MDB_val found{};
    return mdb_get(transaction, kTableOfTables.handle, &name, &found) == MDB_NOTFOUND;
  });
}

// LMDB keeps the handles once the transaction that opened them has committed, and wants one such transaction at a time.
void TableHandles::adopt() {
  const std::lock_guard lock(mutex_);
  MDB_txn* transaction = nullptr;
  try {
    transaction = map_.begin(MDB_RDONLY, "open");
    std::vector<std::pair<NamedTable*, MDB_dbi>> opened;
    for (NamedTable& table : tables_) {
      MDB_dbi handle = Table::kMissing;
      if (table.handle == Table::kMissing && try_open(transaction, table.name, handle))
        opened.emplace_back(&table, handle);
    }
    const int code = mdb_txn_commit(std::exchange(transaction, nullptr));
    check(code, "cannot open '" + path_ + "'", path_);
    for (const auto& [table, handle] : opened) table->handle = handle;
  } catch (...) {
    if (transaction != nullptr) mdb_txn_abort(transaction);
    throw;
  }
}

// False where there is no such table.
bool TableHandles::try_open(MDB_txn* transaction, const std::string& name, unsigned& handle) const {
  const std::string attempted = "cannot open '" + path_ + "'";
  const int code = mdb_dbi_open(transaction, name.c_str(), 0, &handle);
  if (code == MDB_NOTFOUND) return false;
  check(code, attempted, path_);
  unsigned flags = 0;
  check(mdb_dbi_flags(transaction, handle, &flags), attempted, path_);
  if (flags == 0) return true;
  throw Error(ErrorCode::corrupt_file,
              {attempted, "table '" + name + "' has flags " + std::to_string(flags), "tables without flags",
               "go back to a backup, or run 'piecemark salvage'"});
}

// No other transaction opens tables meanwhile: what one would have to open is there before this one began.
bool TableHandles::create_missing(MDB_txn* transaction) {
  const std::lock_guard lock(mutex_);
  bool is_any_created = false;
  for (NamedTable& table : tables_) {
    if (table.handle != Table::kMissing) continue;
    MDB_dbi handle = 0;
    check(mdb_dbi_open(transaction, table.name.c_str(), MDB_CREATE, &handle),
          "cannot write to '" + path_ + "'", path_);
    table.is_created = true;
    table.handle = handle;
    is_any_created = true;
  }
  return is_any_created;
}

void TableHandles::keep_created() noexcept {
  for (NamedTable& table : tables_) table.is_created = false;
}

void TableHandles::forget_created() noexcept {
  for (NamedTable& table : tables_) {
    if (std::exchange(table.is_created, false)) table.handle = Table::kMissing;
  }
}

}  // namespace piecemark::engine
