#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/column.h"
#include "piecemark/export.h"
#include "piecemark/fingerprint.h"
#include "piecemark/migration_options.h"
#include "piecemark/receipt.h"
#include "piecemark/store.h"
#include "piecemark/verification.h"

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
// Errors  no_such_format, downgrade_refused, migration_mismatch, busy, disk_full, corrupt_record
// Cost    reads and writes every row
PIECEMARK_API std::optional<Receipt> migrate(Store& store, std::uint32_t format,
                                             const MigrationOptions& options = {});

// The receipts of the file, oldest first.
PIECEMARK_API std::vector<Receipt> history(const ReadTxn& snapshot);

// The content of the snapshot over these columns.
PIECEMARK_API ContentFingerprint fingerprint(const ReadTxn& snapshot, ColumnSet columns);
// The columns that a format has.  Errors  no_such_format
PIECEMARK_API ColumnSet columns_of_format(std::uint32_t format);

// Reads everything and reports what does not hold.
PIECEMARK_API Verification verify(const ReadTxn& snapshot);

}  // namespace piecemark
