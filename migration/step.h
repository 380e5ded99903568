// A step of the chain: from one format to the next, and back. Each step is one file in steps/ with both
// directions side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/transaction.h"
#include "index/components.h"
#include "piecemark/migration_options.h"
#include "piecemark/receipt.h"
#include "stash.h"

namespace piecemark::migration {

// The work of one step within a run. Both formats have tables of their own; the step reads one side, writes
// the other, which is empty, and leaves clearing the side it has read to the runner.
struct StepWork {
  engine::WriteTransaction& transaction;
  const index::Components& older;
  const index::Components& newer;
  const Stash& stash;
  OnLoss on_loss;
  // Told of everything that is set aside, or would be.
  const std::function<void(const SetAside&)>& on_set_aside;
  // Counts into the receipt of the run.
  Receipt& receipt;
};

struct Step {
  std::string_view revision;  // its name: "add_instance_identifier"
  std::string_view summary;
  std::uint32_t from;
  std::uint32_t to;
  void (*upgrade)(StepWork& work);
  // With OnLoss::refuse a downgrade that would set something aside only reports it, and counts it.
  void (*downgrade)(StepWork& work);
};

}  // namespace piecemark::migration
