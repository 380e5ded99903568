// What all copies of a store share: the open file and what is known of its format.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "commit_group.h"
#include "engine/environment.h"
#include "index/catalogue.h"
#include "index/component_writer.h"
#include "migration/step.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark {

class StoreCore {
 public:
  StoreCore(std::shared_ptr<engine::Environment> environment, const OpenOptions& options);

  // The components in the format that the file has in this snapshot.
  // Errors  format_changed
  const index::Components& readable_components(const engine::ReadTransaction& transaction);

  // The same for a write transaction.
  // Errors  format_changed, format_too_old, format_too_new
  const index::Components& writable_components(const engine::WriteTransaction& transaction) const;

  // Errors  read_only
  void require_opened_for_writing() const;

  const std::shared_ptr<engine::Environment>& environment() const { return environment_; }
  const OpenOptions& options() const { return options_; }
  CommitGroup& commit_group() { return commit_group_; }

 private:
  const index::Format& require_known(const engine::Stamp& stamp) const;
  const index::Components& components_in(const index::Format& format) const;

  std::shared_ptr<engine::Environment> environment_;
  OpenOptions options_;
  CommitGroup commit_group_;
  bool nulls_not_distinct_ = false;
  // One for each known format, made when the file is first seen in it: before, it may lack its tables.
  mutable std::vector<std::unique_ptr<const index::Components>> components_;
  mutable std::mutex components_mutex_;
  // Transaction id * 256 + format, of the newest snapshot whose stamp was read. The id changes with every
  // commit, so that an upgrade by another process is noticed at the next transaction, at the price of one
  // comparison. Only snapshots count: the id of a write transaction that is given up goes to the next one.
  std::atomic<std::uint64_t> known_{0};
};

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
  bool has_changes = false;
  bool is_grouped = false;  // commit() and rollback() are not for the caller

  // For a call that may change content.
  index::ComponentWriter& changing();
  // For a call that reads.
  const engine::WriteTransaction& reading();
};

// What the other parts of the library may reach behind the public classes.
StoreCore& core_of(const Store& store);
const ReadTxnState& state_of(const ReadTxn& transaction);
WriteTxnState& state_of(WriteTxn& transaction);

}  // namespace piecemark
