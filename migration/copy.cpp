#include "copy.h"

#include "engine/os.h"
#include "index/catalogue.h"
#include "route.h"
#include "runner.h"
#include "verify.h"

namespace piecemark::migration {
namespace {

// For a copy in the same format, which is no larger than the original but for chance.
constexpr unsigned kRoomTimesOfCopy = 2;

// What is in the copy, in the words of `piecemark verify`.
void require_clean(const engine::ReadTransaction& copy, const std::string& attempted, Watch& watch) {
  const engine::Stamp stamp = index::load_stamp(copy);
  const index::Format& format = index::require_readable(stamp, copy.environment()->path());
  const Verification found = verify(copy, components_in(copy, format, stamp), watch);
  if (found.is_clean()) return;
  throw Error(ErrorCode::corrupt_record,
              {attempted,
               "a copy that fails verification: " + found.problems.front(),
               {},
               "run 'piecemark verify' on the original; where that is clean, check disk and memory"});
}

}  // namespace

void back_up(engine::Environment& environment, const std::string& output, const OnProgress& on_progress) {
  const std::string attempted = "cannot back up '" + environment.path() + "' to '" + output + "'";
  Watch watch(on_progress, attempted);
  engine::CreationOptions options = environment.options_for_copy(kRoomTimesOfCopy);
  options.check = [&](const engine::ReadTransaction& copy) { require_clean(copy, attempted, watch); };
  engine::Environment::create(
      output, index::kTables,
      [&](engine::WriteTransaction& transaction) {
        copy_content(environment, transaction, attempted, watch);
      },
      options);
}

Compaction compact(engine::Environment& environment, std::uint32_t busy_timeout_ms,
                   const OnProgress& on_progress) {
  const std::string attempted = "cannot compact '" + environment.path() + "'";
  Watch watch(on_progress, attempted);
  Compaction sizes;
  {
    const engine::ReadTransaction snapshot = environment.begin_read();
    sizes.bytes_before = environment.usage().file_bytes;
  }
  environment.replace(
      [&](engine::WriteTransaction& transaction) {
        copy_content(environment, transaction, attempted, watch);
      },
      [&](const engine::ReadTransaction& copy) {
        require_clean(copy, attempted, watch);
        engine::os::FileFacts facts;
        engine::os::facts_of(copy.environment()->path(), facts);
        sizes.bytes_after = facts.size_bytes;
      },
      busy_timeout_ms);
  return sizes;
}

}  // namespace piecemark::migration
