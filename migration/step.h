// A step of the chain: from one format to the next, and back. Each step is one file in steps/ with both
// directions side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/sorter.h"
#include "engine/transaction.h"
#include "index/components.h"
#include "piecemark/migration_options.h"
#include "piecemark/receipt.h"
#include "progress.h"
#include "stash.h"

namespace piecemark::migration {

// Where a step reads: a file as it was committed, or what the step before has written.
struct StepSource {
  const engine::ReadTransaction& transaction;
  const index::Components& components;

  const index::Layout& layout() const { return components.layout(); }
};

// Where a step writes: empty tables of the other format, in the same file or in another one.
struct StepTarget {
  engine::WriteTransaction& transaction;
  const index::Components& components;

  const index::Layout& layout() const { return components.layout(); }
};

// The work of one step within a run, or within a plan, which goes the same way and writes nothing.
class StepWork {
 public:
  using What = SetAside::What;

  struct Parts {
    StepSource source;
    const StepTarget* target;  // nullptr for a plan
    const index::Format& newer;
    Stash stash;  // as it was committed
    const engine::ReadTransaction& stash_transaction;
    Stash target_stash;  // where the target is, if there is one
    const MigrationOptions& options;
    std::string sorting_folder;
  };
  // Counts into the receipt.
  StepWork(const Parts& parts, Receipt& receipt, Progress& progress)
      : parts_(parts), target_(parts.target), receipt_(receipt), progress_(progress) {}

  const StepSource& source() const { return parts_.source; }
  // nullptr where the step is only to decide: in a plan, and from the moment on when a downgrade has met what may not
  // be set aside.
  const StepTarget* target() const { return target_; }
  Progress& progress() { return progress_; }
  // For what does not fit into memory.
  const std::string& sorting_folder() const { return parts_.sorting_folder; }
  engine::Sorter sorter() const { return engine::Sorter(parts_.sorting_folder); }
  std::uint32_t run() const { return receipt_.number; }

  // What waits in the stash for this step.
  Stash::Waiting waiting(What what) const {
    return {parts_.stash, parts_.stash_transaction, parts_.newer, what};
  }
  bool anything_waits() const { return !waiting(What::identifier).at_end() || !waiting(What::row).at_end(); }
  // nullptr without a target.
  std::unique_ptr<Stash::Writer> stash_writer() const;
  // Only with a target.
  void clear_waiting() const { parts_.target_stash.clear_waiting(target_->transaction, parts_.newer); }

  // Counts something that the older format cannot hold. The step tells of it, and puts it into the stash, at the
  // time that suits it.
  void count_set_aside(What what);
  void count_returned(What what);
  void count_left_over() { ++receipt_.left_over; }
  bool is_told() const { return static_cast<bool>(parts_.options.on_set_aside); }
  void tell(const StashRow& entry) const {
    if (is_told()) parts_.options.on_set_aside(to_set_aside(entry));
  }

 private:
  Parts parts_;
  const StepTarget* target_;
  Receipt& receipt_;
  Progress& progress_;
};

struct Step {
  std::string_view revision;  // its name: "add_instance_identifier"
  std::string_view summary;
  std::uint32_t from;
  std::uint32_t to;
  void (*upgrade)(StepWork& work);
  void (*downgrade)(StepWork& work);
};

}  // namespace piecemark::migration
