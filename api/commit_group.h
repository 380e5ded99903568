// Changes of several threads in one commit: the thread that comes first begins a transaction, and takes along what
// others have handed in meanwhile. They wait for the disk once instead of once each.
//
// Invariants
//   - At most one thread leads; the others wait. A change is done, with success or failure, before its thread goes on.
//   - The changes of a commit are as if made one after the other, in the order in which they came. One that fails has
//     left nothing, and is reported to its own thread alone.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "piecemark/write_txn.h"

namespace piecemark {

class CommitGroup {
 public:
  using Change = std::function<void(WriteTxn& txn)>;
  // Begins a transaction that refuses commit() and rollback(), and commits it.
  struct Transactions {
    std::function<WriteTxn()> begin;
    std::function<void(WriteTxn& txn)> commit;
  };

  // Returns once the change is committed; throws what it threw, or what kept the commit from succeeding.
  void run(const Change& change, const Transactions& transactions);

 private:
  struct Request {
    const Change* change;
    std::exception_ptr failure = nullptr;
    bool is_done = false;
  };
  using Requests = std::vector<Request*>;

  static constexpr std::size_t kMost = 256;  // changes in a commit

  Requests take_waiting();
  static void commit(Requests requests, const Transactions& transactions);
  static Request* first_that_fails(const Requests& requests, WriteTxn& txn);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request*> waiting_;
  bool has_leader_ = false;
};

}  // namespace piecemark
