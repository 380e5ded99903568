// Reads rows of text to the end, as an import does that skips what is invalid.
#pragma once

#include "api/text/row_source.h"
#include "piecemark/error.h"

namespace piecemark::fuzz {

template <class Columns>
void read_all_rows(const text::TextSource& from) {
  try {
    const auto source = text::RowSource<Columns>::open(from, true);
    std::string raw;
    for (text::IncomingText<Columns> row; source->next(row) && !row.is_last;) source->append_raw(row, raw);
  } catch (const Error&) {  // A header without sense.
  }
}

}  // namespace piecemark::fuzz
