#include "engine/transaction.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "engine/batch.h"
#include "engine/environment.h"
#include "piecemark/error.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

constexpr std::array<std::string_view, 1> kTables{"table"};

class TransactionTest : public ::testing::Test {
 protected:
  TransactionTest() {
    Environment::create(folder_.path("store"), kTables, [](WriteTransaction&) {});
    environment_ = Environment::open(folder_.path("store"), kTables, {});
  }

  Table table() const { return environment_->table(0); }
  std::string content() const {
    const ReadTransaction snapshot = environment_->begin_read();
    std::string text;
    Cursor cursor(snapshot, table());
    for (bool found = cursor.first(); found; found = cursor.next())
      text.append(cursor.key()).append("=").append(cursor.value()).append(" ");
    return text;
  }

  TemporaryFolder folder_;
  std::shared_ptr<Environment> environment_;
};

TEST_F(TransactionTest, CommittedChangesAreSeenByLaterSnapshotsOnly) {
  const ReadTransaction before = environment_->begin_read();
  WriteTransaction transaction = environment_->begin_write();
  transaction.put(table(), "a", "1");
  EXPECT_EQ(transaction.get(table(), "a"), "1");
  transaction.commit();
  EXPECT_EQ(before.get(table(), "a"), std::nullopt);
  EXPECT_EQ(content(), "a=1 ");
  EXPECT_LT(before.id(), environment_->begin_read().id());
}

TEST_F(TransactionTest, WithoutCommitNothingStays) {
  { environment_->begin_write().put(table(), "a", "1"); }
  EXPECT_EQ(content(), "");
}

TEST_F(TransactionTest, InsertLeavesATakenKey) {
  WriteTransaction transaction = environment_->begin_write();
  EXPECT_TRUE(transaction.insert(table(), "a", "1"));
  EXPECT_FALSE(transaction.insert(table(), "a", "2"));
  EXPECT_TRUE(transaction.erase(table(), "b") == false && transaction.get(table(), "a") == "1");
  transaction.commit();
  EXPECT_EQ(content(), "a=1 ");
}

TEST_F(TransactionTest, AppendOutOfOrderIsReported) {
  WriteTransaction transaction = environment_->begin_write();
  {
    TableWriter writer(transaction, table());
    EXPECT_TRUE(writer.append("b", "1"));
    EXPECT_FALSE(writer.append("a", "2"));
    EXPECT_FALSE(writer.append("b", "2"));
    EXPECT_TRUE(writer.append("c", "3"));
    writer.put("a", "4");
  }
  transaction.commit();
  EXPECT_EQ(content(), "a=4 b=1 c=3 ");
}

TEST_F(TransactionTest, TableWriterMayOutliveItsTransactionUnused) {
  WriteTransaction transaction = environment_->begin_write();
  TableWriter writer(transaction, table());
  writer.put("a", "1");
  transaction.commit();
  EXPECT_EQ(error_of([&] { writer.put("b", "2"); }), ErrorCode::invalid_use);
  EXPECT_EQ(content(), "a=1 ");
}

TEST_F(TransactionTest, ErasesByPrefix) {
  WriteTransaction transaction = environment_->begin_write();
  for (const char* key : {"a", "b", "b1", "b2", "c"}) transaction.put(table(), key, "x");
  transaction.erase_prefix(table(), "b");
  transaction.erase_prefix(table(), "z");
  transaction.commit();
  EXPECT_EQ(content(), "a=x c=x ");
}

TEST_F(TransactionTest, CursorSeeksTheFirstKeyNotLess) {
  WriteTransaction transaction = environment_->begin_write();
  for (const char* key : {"a", "c", "e"}) transaction.put(table(), key, "");
  transaction.commit();
  const ReadTransaction snapshot = environment_->begin_read();
  Cursor cursor(snapshot, table());
  EXPECT_TRUE(cursor.seek("b") && cursor.key() == "c");
  EXPECT_TRUE(cursor.seek("c") && cursor.key() == "c");
  EXPECT_TRUE(cursor.next() && cursor.key() == "e");
  EXPECT_FALSE(cursor.next());
  EXPECT_FALSE(cursor.seek("f"));
}

TEST_F(TransactionTest, ClearEmptiesTheTable) {
  WriteTransaction transaction = environment_->begin_write();
  transaction.put(table(), "a", "1");
  transaction.clear(table());
  EXPECT_EQ(transaction.entries(table()), 0U);
}

TEST_F(TransactionTest, EndedTransactionRefusesEveryCall) {
  WriteTransaction transaction = environment_->begin_write();
  transaction.commit();
  EXPECT_EQ(error_of([&] { transaction.put(table(), "a", "1"); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::invalid_use);
}

// What the file was overwritten with may be gone again by then.
TEST_F(TransactionTest, WhatMetAnOverwrittenFileIsNotCommitted) {
  const std::string path = folder_.path("store");
  {
    WriteTransaction transaction = environment_->begin_write();
    transaction.put(table(), "a", "1");
    transaction.commit();
  }
  const std::string before = testing::read_file(path);
  WriteTransaction transaction = environment_->begin_write();
  Batch batch;
  const auto put = [&](std::string_view key) {
    batch.clear();
    batch.put(table(), key) = "2";
    transaction.apply(batch);
  };
  put("b");
  const auto overwrite = [&](const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  std::string other = before;
  constexpr std::size_t kPage = 4096;
  other.replace(0, 2 * kPage, std::string(2 * kPage, '\0'));
  overwrite(other);
  EXPECT_EQ(error_of([&] { transaction.erase(table(), "a"); }), ErrorCode::reopen_needed);
  EXPECT_EQ(error_of([&] { put("c"); }), ErrorCode::reopen_needed);
  EXPECT_EQ(error_of([&] { transaction.clear(table()); }), ErrorCode::reopen_needed);
  overwrite(before);
  EXPECT_EQ(error_of([&] { put("d"); }), ErrorCode::reopen_needed);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::reopen_needed);
  EXPECT_EQ(testing::read_file(path), before);
}

TEST_F(TransactionTest, SnapshotMovesBetweenVariables) {
  ReadTransaction first = environment_->begin_read();
  ReadTransaction second = std::move(first);
  EXPECT_EQ(second.entries(table()), 0U);
  second = environment_->begin_read();
  EXPECT_EQ(second.entries(table()), 0U);
}

}  // namespace
}  // namespace piecemark::engine
