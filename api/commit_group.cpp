#include "commit_group.h"

#include <utility>

#include "piecemark/error.h"

namespace piecemark {

void CommitGroup::run(const Change& change, const Transactions& transactions) {
  Request own{&change};
  std::unique_lock lock(mutex_);
  if (leader_ == std::this_thread::get_id()) {
    throw Error(ErrorCode::invalid_use, {"cannot make a grouped change",
                                         "a grouped change of this thread that has not ended",
                                         {},
                                         "make both changes in one call"});
  }
  waiting_.push_back(&own);
  while (!own.is_done) {
    changed_.wait(lock, [&] { return own.is_done || !leader_; });
    if (own.is_done) break;
    leader_ = std::this_thread::get_id();
    const Requests requests = std::exchange(waiting_, {});
    lock.unlock();
    commit(requests, transactions);
    lock.lock();
    for (Request* request : requests) request->is_done = true;
    leader_.reset();
    changed_.notify_all();
  }
  lock.unlock();
  if (own.failure) std::rethrow_exception(own.failure);
}

// Where a change fails, the others start again without it: what it had changed by then goes with the transaction.
void CommitGroup::commit(const Requests& requests, const Transactions& transactions) noexcept {
  try {
    for (;;) {
      WriteTxn txn = transactions.begin();
      if (!make_changes(requests, txn)) continue;
      transactions.commit(txn);
      return;
    }
  } catch (...) {
    for (Request* request : requests) {
      if (!request->failure) request->failure = std::current_exception();
    }
  }
}

// Makes the changes that have not failed before. False where one fails now.
bool CommitGroup::make_changes(const Requests& requests, WriteTxn& txn) {
  for (Request* request : requests) {
    if (request->failure) continue;
    try {
      (*request->change)(txn);
    } catch (...) {
      request->failure = std::current_exception();
      return false;
    }
  }
  return true;
}

}  // namespace piecemark
