#include "api/text/export.h"

#include "api/text/csv.h"
#include "api/text/json_writer.h"

namespace piecemark::text {
namespace {

constexpr std::uint64_t kRowsWrittenBetweenReports = 8192;

}  // namespace

void export_components(const ReadTxn& snapshot, TextFormat format, const TextSink& sink,
                       const RowProgress& on_progress) {
  WriteBehind out(sink);
  if (format == TextFormat::csv) append_csv_header(out.text());
  std::uint64_t rows = 0;
  for (const ComponentView& component : snapshot.sorted()) {
    if (format == TextFormat::csv) {
      append_csv(out.text(), component.row());
    } else {
      append_json(out.text(), component.row());
      out.text() += '\n';
    }
    out.end_row();
    if (++rows % kRowsWrittenBetweenReports == 0 && on_progress) on_progress(rows);
  }
  out.finish();
  if (on_progress) on_progress(rows);
}

void export_drawings(const ReadTxn& snapshot, TextFormat format, const TextSink& sink) {
  WriteBehind out(sink);
  if (format == TextFormat::csv) append_csv_drawing_header(out.text());
  for (const Drawing& drawing : snapshot.drawings()) {
    if (format == TextFormat::csv) {
      append_csv(out.text(), drawing);
    } else {
      append_json(out.text(), drawing);
      out.text() += '\n';
    }
    out.end_row();
  }
  out.finish();
}

}  // namespace piecemark::text
