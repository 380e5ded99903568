// Changes of several threads in one commit: the thread that comes first begins a transaction, and takes along what
// others have handed in meanwhile. They wait for the disk once instead of once each.
//
// Invariants
//   - At most one thread leads; the others wait. A change is done, with success or failure, before its thread goes on.
//   - The changes of a commit are as if made one after the other, in the order in which they came. One that fails has
//     left nothing, and is reported to its own thread alone.
//   - Nothing throws between the moment when a thread takes the lead and the one when it gives it back.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
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
  // Errors  invalid_use  called by a change
  void run(const Change& change, const Transactions& transactions);

 private:
  struct Request {
    const Change* change;
    std::exception_ptr failure = nullptr;
    bool is_done = false;
  };
  using Requests = std::vector<Request*>;

  static void commit(const Requests& requests, const Transactions& transactions) noexcept;
  static bool make_changes(const Requests& requests, WriteTxn& txn);

  std::mutex mutex_;
  std::condition_variable changed_;
  Requests waiting_;
  std::optional<std::thread::id> leader_;
};

}  // namespace piecemark
