#include "step.h"

namespace piecemark::migration {

std::unique_ptr<Stash::Writer> StepWork::stash_writer() const {
  if (target_ == nullptr) return nullptr;
  return std::make_unique<Stash::Writer>(parts_.target_stash, target_->transaction, parts_.newer);
}

void StepWork::count_set_aside(What what) {
  ++(what == What::row ? receipt_.stashed_rows : receipt_.stashed_identifiers);
  if (parts_.options.on_loss == OnLoss::refuse) target_ = nullptr;
}

void StepWork::count_returned(What what) {
  ++(what == What::row ? receipt_.returned_rows : receipt_.returned_identifiers);
}

}  // namespace piecemark::migration
