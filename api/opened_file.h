// A file as a store has it open, and what is known of its format. A store goes on to another one when its file is replaced.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/environment.h"
#include "index/catalogue.h"
#include "index/components.h"

namespace piecemark {

class OpenedFile {
 public:
  // Errors  format_too_new, not_a_store, corrupt_record
  explicit OpenedFile(std::shared_ptr<engine::Environment> environment);

  // nullptr once it was let go and its last transaction has ended.
  std::shared_ptr<engine::Environment> environment() const { return environment_.lock(); }
  // From now on only the transactions that are open keep the file open. What they use stays as long as this object.
  void let_go() { owned_.reset(); }

  // The components in the format that the file has in this snapshot.
  // Errors  format_changed
  const index::Components& readable_components(const engine::ReadTransaction& transaction);

  // The same for a write transaction.
  // Errors  format_changed, format_too_old, format_too_new
  const index::Components& writable_components(const engine::WriteTransaction& transaction,
                                               bool may_be_older) const;

 private:
  const index::Components& components_in(const index::Format& format,
                                         const engine::Environment& environment) const;

  std::shared_ptr<engine::Environment> owned_;
  std::weak_ptr<engine::Environment> environment_;
  bool nulls_not_distinct_ = false;
  // One for each known format, made when the file is first seen in it: before, it may lack its tables.
  mutable std::vector<std::unique_ptr<const index::Components>> components_;
  mutable std::mutex components_mutex_;
  // Transaction id * 256 + format, of the newest snapshot whose stamp was read. The id changes with every
  // commit, so that an upgrade by another process is noticed at the next transaction, at the price of one
  // comparison. Only snapshots count: the id of a write transaction that is given up goes to the next one.
  std::atomic<std::uint64_t> known_{0};
};

}  // namespace piecemark
