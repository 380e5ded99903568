// What keeps a file in good order: copies, compaction, an eye on readers.
#include "migration/copy.h"
#include "piecemark/error.h"
#include "store_core.h"

namespace piecemark {

void Store::backup(const std::string& out, const OnProgress& on_progress) const {
  core()->with_file([&](OpenedFile&, engine::Environment& environment) {
    migration::back_up(environment, out, on_progress);
  });
}

Compaction Store::compact(const OnProgress& on_progress) {
  core()->require_opened_for_writing();
  const Compaction done = core()->with_file([&](OpenedFile&, engine::Environment& environment) {
    return migration::compact(environment, core()->options().busy_timeout_ms, on_progress);
  });
  try {
    read();  // Lets go of the old file, so that its room is free.
  } catch (const Error&) {
    // The next transaction tells of it.
  }
  return done;
}

std::vector<LongReader> Store::long_readers(std::uint32_t older_than_ms) const {
  const ReadTxnState state = StoreCore::begin_read(core());
  engine::Environment& environment = *state.transaction.environment();
  environment.clear_dead_readers();
  return environment.long_readers(state.transaction, older_than_ms);
}

}  // namespace piecemark
