// What all copies of a store share: the file that is open, and the way to the one that replaces it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "commit_group.h"
#include "engine/environment.h"
#include "index/component_writer.h"
#include "opened_file.h"
#include "piecemark/store.h"

namespace piecemark {

class StoreCore;

struct ReadTxnState {
  std::shared_ptr<StoreCore> core;
  engine::ReadTransaction transaction;
  const index::Components* components;
};

struct WriteTxnState {
  WriteTxnState(std::shared_ptr<StoreCore> of, engine::WriteTransaction begun, const index::Components& in)
      : core(std::move(of)), transaction(std::move(begun)), components(&in), writer(in, transaction) {}

  std::shared_ptr<StoreCore> core;
  engine::WriteTransaction transaction;
  const index::Components* components;
  index::ComponentWriter writer;
  Timestamp now = Timestamp::now();  // the now() of the DDL: the same for the whole transaction
  bool ends_with_call = false;       // commit() and rollback() are not for whoever is given the transaction

  // For a call that may change content.  Errors  invalid_use  the transaction is broken
  index::ComponentWriter& changing();
  // For a call that reads.  Errors  invalid_use  the transaction is broken
  const engine::WriteTransaction& reading();
};

class StoreCore {
 public:
  // Errors  those of Store::open
  StoreCore(const std::string& path, const OpenOptions& options);

  // Errors  those of Store::read and Store::write
  static ReadTxnState begin_read(const std::shared_ptr<StoreCore>& core);
  static std::unique_ptr<WriteTxnState> begin_write(const std::shared_ptr<StoreCore>& core);

  // Calls work(OpenedFile&, engine::Environment&) with the file that is open, and once more with the file that has
  // replaced it, where `work` cannot begin a transaction for that reason.
  // Cost  a reference counted
  template <class Work>
  auto with_file(const Work& work) {
    for (;;) {
      OpenedFile& file = *current_.load(std::memory_order_acquire);
      if (const auto environment = file.environment()) {
        try {
          return work(file, *environment);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::reopen_needed || !environment->is_replaced()) throw;
        }
      }
      leave(file);
    }
  }

  // Errors  read_only
  void require_opened_for_writing() const;

  const std::string& path() const { return path_; }
  const OpenOptions& options() const { return options_; }
  CommitGroup& commit_group() { return commit_group_; }

 private:
  // Goes on to the file that has the name of this one now.
  void leave(OpenedFile& replaced);
  void tell_of_long_readers(engine::Environment& environment);

  std::string path_;
  OpenOptions options_;
  CommitGroup commit_group_;
  // All files that the path has led to: transactions use what is known of theirs. The last one is current.
  std::vector<std::unique_ptr<OpenedFile>> files_;
  std::mutex files_mutex_;
  std::atomic<OpenedFile*> current_{nullptr};
  std::atomic<std::int64_t> looked_for_long_readers_{0};  // when
};

// What the other parts of the library may reach behind the public classes.
StoreCore& core_of(const Store& store);
const ReadTxnState& state_of(const ReadTxn& transaction);
WriteTxn transaction_of(std::unique_ptr<WriteTxnState> state);
WriteTxnState& state_of(WriteTxn& transaction);

}  // namespace piecemark
