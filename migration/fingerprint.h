// Content fingerprints: canonical bytes of rows, hashed and summed. FORMAT.md describes the canonical bytes,
// which are part of every receipt and never change.
#pragma once

#include <string>

#include "engine/transaction.h"
#include "index/components.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/fingerprint.h"

namespace piecemark::migration {

// Threads  one at a time: it has a buffer of its own.
class Fingerprinter {
 public:
  Fingerprint of(const ComponentRow& row, ColumnSet columns);
  Fingerprint of(const Drawing& drawing);
  // The values of these columns, each bound to the id of its row. NULLs do not count.
  Fingerprint of_values(const ComponentRow& row, ColumnSet columns);

 private:
  std::string buffer_;
};

ContentFingerprint content_fingerprint(const engine::ReadTransaction& transaction,
                                       const index::Components& components, ColumnSet columns);

}  // namespace piecemark::migration
