#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/column.h"
#include "piecemark/export.h"
#include "piecemark/fingerprint.h"
#include "piecemark/migration_options.h"
#include "piecemark/migration_plan.h"
#include "piecemark/receipt.h"
#include "piecemark/store.h"
#include "piecemark/verification.h"
#include "piecemark/work_progress.h"

namespace piecemark {

// A format that this library knows.
struct FormatInfo {
  std::uint32_t number = 0;
  std::string_view summary;
  std::string_view step;  // name of the step that leads here from the format before; empty for the first
};
PIECEMARK_API std::vector<FormatInfo> known_formats();

// Takes the file to the format, in one write transaction: readers keep their snapshot, a crash leaves the file as
// it was. Returns nullopt if it has that format already.
// Errors  no_such_format, downgrade_refused, migration_mismatch, busy, disk_full, corrupt_record, canceled
// Cost    reads and writes every row
PIECEMARK_API std::optional<Receipt> migrate(Store& store, std::uint32_t format,
                                             const MigrationOptions& options = {});

// The same into a new file; the store is only read, and may have been opened for reading. The new file is compact, has the
// owner and permissions that Store::backup gives, and has its name only once it is complete and durable. Where the store has the format already, the new file is a copy and
// there is no receipt.
// Errors  file_exists, and those of migrate
// Cost    reads and writes every row
PIECEMARK_API std::optional<Receipt> migrate_into(const std::string& new_file, const Store& store,
                                                  std::uint32_t format, const MigrationOptions& options = {});

// What migrate would do. Writes nothing, neither to the file nor beside it; options.on_set_aside is told of every row
// and identifier that would be set aside, or that could not return.
// Errors  no_such_format, corrupt_record, canceled
// Cost    downwards reads every key, upwards what waits in the stash; and a fifth of a second for a sample
PIECEMARK_API MigrationPlan plan_migration(const Store& store, std::uint32_t format,
                                           const MigrationOptions& options = {});

// An entry of the stash.
struct StashEntry {
  SetAside set_aside;
  bool is_left_over = false;  // could not return, and will not by itself; else waits for the next upgrade
};
// Visits every entry: what waits before what is left over, identifiers before rows.
PIECEMARK_API void for_each_stash_entry(const ReadTxn& snapshot,
                                        const std::function<void(const StashEntry&)>& visit);

// Deletes entries of the stash for good.
enum class DropStash : std::uint8_t { everything, left_over };
struct DroppedStash {
  std::uint64_t rows = 0;
  std::uint64_t identifiers = 0;
};
PIECEMARK_API DroppedStash drop_stash(Store& store, DropStash what);

// The receipts of the file, oldest first.
PIECEMARK_API std::vector<Receipt> history(const ReadTxn& snapshot);

// The content of the snapshot over these columns.
PIECEMARK_API ContentFingerprint fingerprint(const ReadTxn& snapshot, ColumnSet columns);
// The columns that a format has.  Errors  no_such_format
PIECEMARK_API ColumnSet columns_of_format(std::uint32_t format);

// Reads everything and reports what does not hold.  Errors  canceled, io_error
PIECEMARK_API Verification verify(const ReadTxn& snapshot, const OnProgress& on_progress = {});

// Walks the pages of the file, as Store::open does unless the file is trusted or somebody is writing it just then.
// Writers wait meanwhile.
// Errors  corrupt_file  names the page and what is wrong with it
//         busy          somebody kept the write lock for longer than the time-out
// Cost    some 0.3 ms a MB
PIECEMARK_API void verify_pages(const Store& store);

}  // namespace piecemark
