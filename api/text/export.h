// Writes a snapshot as CSV or NDJSON: all columns, every bit of every value.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/text/import.h"
#include "piecemark/store.h"

namespace piecemark::text {

// Takes the text piece by piece, in pieces of some 64 KiB.
using TextSink = std::function<void(std::string_view piece)>;
using RowProgress = std::function<void(std::uint64_t rows)>;

// In the order drawing, mark, instance, id; NULL last.
void export_components(const ReadTxn& snapshot, TextFormat format, const TextSink& sink,
                       const RowProgress& on_progress);
// In the order of the ids.
void export_drawings(const ReadTxn& snapshot, TextFormat format, const TextSink& sink);

}  // namespace piecemark::text
