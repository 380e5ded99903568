#include "pack_blocks.h"

namespace piecemark::migration {

void rewrite_rows(StepWork& work) {
  const StepTarget* const target = work.target();
  if (target == nullptr) return;
  const StepSource& source = work.source();
  const index::Layout& rows = source.layout();
  target->layout().fill(target->transaction, rows, source.transaction,
                        watch_fill(work.progress(), rows.count(source.transaction)));
}

}  // namespace piecemark::migration
