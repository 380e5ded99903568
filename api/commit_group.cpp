#include "commit_group.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace piecemark {

void CommitGroup::run(const Change& change, const Transactions& transactions) {
  Request own{&change};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&own);
  while (!own.is_done) {
    changed_.wait(lock, [&] { return own.is_done || !has_leader_; });
    if (own.is_done) break;
    has_leader_ = true;
    const Requests requests = take_waiting();
    lock.unlock();
    commit(requests, transactions);
    lock.lock();
    for (Request* request : requests) request->is_done = true;
    has_leader_ = false;
    changed_.notify_all();
  }
  lock.unlock();
  if (own.failure) std::rethrow_exception(own.failure);
}

CommitGroup::Requests CommitGroup::take_waiting() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMost));
  Requests taken(waiting_.begin(), waiting_.begin() + count);
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return taken;
}

// Where a change fails, the others start again without it: what it had changed by then goes with the transaction.
void CommitGroup::commit(Requests requests, const Transactions& transactions) {
  while (!requests.empty()) {
    try {
      WriteTxn txn = transactions.begin();
      Request* const failed = first_that_fails(requests, txn);
      if (failed != nullptr) {
        std::erase(requests, failed);
        continue;
      }
      transactions.commit(txn);
    } catch (...) {
      for (Request* request : requests) request->failure = std::current_exception();
    }
    return;
  }
}

CommitGroup::Request* CommitGroup::first_that_fails(const Requests& requests, WriteTxn& txn) {
  for (Request* request : requests) {
    try {
      (*request->change)(txn);
    } catch (...) {
      request->failure = std::current_exception();
      return request;
    }
  }
  return nullptr;
}

}  // namespace piecemark
