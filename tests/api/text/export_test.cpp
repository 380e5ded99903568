#include "api/text/export.h"

#include <gtest/gtest.h>

#include "api/text/csv.h"
#include "api/text/json_writer.h"
#include "tests/support/temporary.h"

namespace piecemark::text {
namespace {

TEST(Export, WritesEveryRowInOrder) {
  const testing::TemporaryFolder folder;
  Store store = Store::create(folder.path("site.pmk"));
  WriteTxn transaction = store.write();
  const Uuid drawing = transaction.insert_drawing({.name = "S-101"});
  for (int i = 0; i < 5'000; ++i)
    transaction.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i), .location_x = i / 7.0});
  transaction.commit();

  const ReadTxn snapshot = store.read();
  std::string json;
  std::string csv;
  append_csv_header(csv);
  for (const ComponentView& component : snapshot.sorted()) {
    append_json(json, component.row());
    json += '\n';
    append_csv(csv, component.row());
  }
  for (const TextFormat format : {TextFormat::csv, TextFormat::ndjson}) {
    std::string written;
    std::uint64_t reported = 0;
    export_components(
        snapshot, format, [&](std::string_view piece) { written += piece; },
        [&](std::uint64_t rows) { reported = rows; });
    EXPECT_EQ(written, format == TextFormat::csv ? csv : json);
    EXPECT_EQ(reported, 5'000U);
  }
}

}  // namespace
}  // namespace piecemark::text
