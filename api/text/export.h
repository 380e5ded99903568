// Writes a snapshot as CSV or NDJSON: all columns, every bit of every value.
#pragma once

#include <cstdint>
#include <functional>

#include "api/text/text_format.h"
#include "api/text/write_behind.h"
#include "piecemark/store.h"

namespace piecemark::text {

using RowProgress = std::function<void(std::uint64_t rows)>;

// In the order drawing, mark, instance, id; NULL last.
void export_components(const ReadTxn& snapshot, TextFormat format, const TextSink& sink,
                       const RowProgress& on_progress);
// In the order of the ids.
void export_drawings(const ReadTxn& snapshot, TextFormat format, const TextSink& sink);

}  // namespace piecemark::text
