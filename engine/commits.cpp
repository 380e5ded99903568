#include "commits.h"

#include <lmdb.h>

#include "lmdb_error.h"

namespace piecemark::engine {

MDB_txn* Commits::begin() {
  thread_.start();
  return map_.begin(0, "write to", &thread_);
}

void Commits::abort(MDB_txn* transaction) noexcept {
  auto work = [&]() noexcept { mdb_txn_abort(transaction); };
  thread_.run(WriterThread::Kind::end, work);
}

std::exception_ptr Commits::commit(MDB_txn* transaction, const How& how) noexcept {
  const std::uint64_t number = mdb_txn_id(transaction);
  int code = MDB_SUCCESS;
  auto work = [&]() noexcept {
    mdb_env_set_flags(map_.handle(), MDB_NOMETASYNC, how.durability == Durability::relaxed ? 1 : 0);
    code = mdb_txn_commit(transaction);
  };
  how.on_thread ? thread_.run(WriterThread::Kind::end, work) : work();
  has_committed_ = true;
  if (code != MDB_SUCCESS) return failure_of(code);
  if (how.changes && how.durability == Durability::full) durable_commit_ = number;
  return nullptr;
}

std::exception_ptr Commits::failure_of(int code) noexcept {
  try {
    const std::string attempted = "cannot commit to '" + path_ + "'";
    if (code == MDB_MAP_FULL) {
      map_.want_larger();
      return std::make_exception_ptr(map_.full_map(attempted));
    }
    const Error error = lmdb_error(code, attempted, path_);
    // A full disk is met before anything is made visible, unless LMDB says otherwise when asked again. After
    // any other failure nobody knows what reached the disk.
    MDB_txn* probe = nullptr;
    if (error.code() != ErrorCode::disk_full ||
        mdb_txn_begin(map_.handle(), nullptr, MDB_RDONLY, &probe) == MDB_PANIC) {
      map_.poison();
    }
    if (probe != nullptr) mdb_txn_abort(probe);
    return std::make_exception_ptr(error);
  } catch (...) {
    map_.poison();
    return std::current_exception();
  }
}

void Commits::sync(const os::File& file, std::uint64_t commit) {
  if (durable_commit_.load() >= commit) return;
  if (const auto error = os::sync_data(file)) {
    map_.poison();  // Nobody knows what the disk has.
    throw_system_error(error, "cannot sync '" + path_ + "'", path_);
  }
  std::uint64_t before = durable_commit_.load();
  while (before < commit && !durable_commit_.compare_exchange_weak(before, commit)) {
  }
}

}  // namespace piecemark::engine
