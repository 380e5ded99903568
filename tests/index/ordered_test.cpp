// What is the ordered layout's own: its bytes, and how it is filled all at once.
#include "index/ordered.h"

#include <gtest/gtest.h>

#include "index/ordered_writer.h"
#include "tests/support/temporary.h"

namespace piecemark::index {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

class OrderedLayoutTest : public ::testing::Test {
 protected:
  static std::shared_ptr<engine::Environment> created(const std::string& path) {
    engine::Environment::create(path, kTables, [](engine::WriteTransaction&) {});
    return engine::Environment::open(path, kTables, {});
  }

  TemporaryFolder folder_;
  std::shared_ptr<engine::Environment> environment_ = created(folder_.path("store"));
  const Format& format_ = *format_numbered(2);
  OrderedLayout layout_{format_, false, table(*environment_, format_.rows),
                        table(*environment_, format_.index)};
};

TEST_F(OrderedLayoutTest, BytesAreAsDocumented) {
  engine::WriteTransaction transaction = environment_->begin_write();
  const Uuid id = *Uuid::parse("00000000-0000-7000-8000-000000000001");
  const Component girder{.id = id, .drawing_id = Uuid{}, .piece_mark = "G1", .instance_identifier = "2"};
  layout_.writer(transaction)->insert(row_of(girder));
  engine::Cursor rows(transaction, table(*environment_, TableId::components_2));
  ASSERT_TRUE(rows.first());
  EXPECT_EQ(engine::to_hex(rows.key()), "00000000000070008000000000000001");
  engine::Cursor entries(transaction, table(*environment_, TableId::unique_2));
  ASSERT_TRUE(entries.first());
  EXPECT_EQ(engine::to_hex(entries.key()),
            "01"
            "00000000000000000000000000000000"
            "473100"
            "013200");
  EXPECT_EQ(engine::to_hex(entries.value()),
            "1f208f2707b3ed6d"
            "00000000000070008000000000000001");

  layout_.clear(transaction);
  const Component without_drawing{.id = id, .piece_mark = "G1"};
  layout_.writer(transaction)->insert(row_of(without_drawing));
  engine::Cursor unconstrained(transaction, table(*environment_, TableId::unique_2));
  ASSERT_TRUE(unconstrained.first());
  EXPECT_EQ(engine::to_hex(unconstrained.key()),
            "02"
            "473100"
            "02"
            "00000000000070008000000000000001");
}

TEST_F(OrderedLayoutTest, BulkWriterReportsASecondRowWithTheKey) {
  RowKey key{Uuid{}, "G1", "1", *Uuid::parse("00000000-0000-0000-0000-000000000001")};
  engine::WriteTransaction transaction = environment_->begin_write();
  OrderedBulkWriter writer(layout_, transaction);
  writer.add_key(key);
  key.id.bytes[15] = 2;
  EXPECT_EQ(error_of([&] { writer.add_key(key); }), ErrorCode::corrupt_file);
}

TEST_F(OrderedLayoutTest, BulkWriterReportsRowsOutOfOrder) {
  engine::WriteTransaction transaction = environment_->begin_write();
  OrderedBulkWriter writer(layout_, transaction);
  Component component{.id = *Uuid::parse("00000000-0000-0000-0000-000000000002"), .piece_mark = "G1"};
  writer.add(row_of(component));
  EXPECT_EQ(error_of([&] { writer.add(row_of(component)); }), ErrorCode::corrupt_file);
  component.id.bytes[15] = 1;
  EXPECT_EQ(error_of([&] { writer.add(row_of(component)); }), ErrorCode::corrupt_file);
}

TEST_F(OrderedLayoutTest, BulkWriterReportsKeysOfOtherRows) {
  const Uuid id = *Uuid::parse("00000000-0000-0000-0000-000000000001");
  const Uuid other = *Uuid::parse("00000000-0000-0000-0000-000000000002");
  const Component component{.id = id, .drawing_id = Uuid{}, .piece_mark = "G1"};
  const auto fails = [&](const std::vector<RowKey>& keys) {
    engine::WriteTransaction transaction = environment_->begin_write();
    OrderedBulkWriter writer(layout_, transaction);
    writer.add(row_of(component));
    for (const RowKey& key : keys) writer.add_key(key);
    return error_of([&] { writer.finish(); });
  };
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, id}}), std::nullopt);
  EXPECT_EQ(fails({}), ErrorCode::corrupt_file) << "no key";
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, other}}), ErrorCode::corrupt_file) << "leads elsewhere";
  EXPECT_EQ(fails({{Uuid{}, "G2", std::nullopt, id}}), ErrorCode::corrupt_file) << "another key";
  EXPECT_EQ(fails({{Uuid{}, "G1", std::nullopt, id}, {Uuid{}, "G2", std::nullopt, other}}),
            ErrorCode::corrupt_file)
      << "one too many";
}

}  // namespace
}  // namespace piecemark::index
