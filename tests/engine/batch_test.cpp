#include "engine/batch.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "engine/environment.h"
#include "tests/support/temporary.h"

namespace piecemark::engine {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

constexpr std::string_view kTables[] = {"a", "b"};

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    Environment::create(folder_.path("store"), kTables, [](WriteTransaction&) {});
    environment_ = Environment::open(folder_.path("store"), kTables, {});
  }

  std::string content(const Table& table) {
    std::string text;
    const ReadTransaction snapshot = environment_->begin_read();
    Cursor cursor(snapshot, table);
    for (bool found = cursor.first(); found; found = cursor.next()) {
      text += std::string(cursor.key()) + "=" + std::string(cursor.value()) + " ";
    }
    return text;
  }

  TemporaryFolder folder_;
  std::shared_ptr<Environment> environment_;
};

TEST_F(BatchTest, IsAppliedToAllTables) {
  WriteTransaction transaction = environment_->begin_write();
  transaction.put(environment_->table(0), "gone", "1");
  Batch batch;
  EXPECT_TRUE(batch.is_empty());
  batch.put(environment_->table(0), "k2") = "two";
  batch.put(environment_->table(0), "k1") = "one";
  batch.put(environment_->table(1), "k1") = "other";
  batch.erase(environment_->table(0), "gone");
  batch.erase(environment_->table(1), "never there");
  transaction.apply(batch);
  transaction.commit();
  EXPECT_EQ(content(environment_->table(0)), "k1=one k2=two ");
  EXPECT_EQ(content(environment_->table(1)), "k1=other ");
}

TEST_F(BatchTest, TheLastChangeOfAKeyCounts) {
  WriteTransaction transaction = environment_->begin_write();
  const Table table = environment_->table(0);
  Batch batch;
  batch.put(table, "put, erased") = "1";
  batch.erase(table, "put, erased");
  batch.erase(table, "erased, put");
  batch.put(table, "erased, put") = "2";
  batch.put(table, "twice") = "long before";
  batch.put(table, "twice") += "3";
  transaction.apply(batch);
  transaction.commit();
  EXPECT_EQ(content(table), "erased, put=2 twice=3 ");
}

TEST_F(BatchTest, IsNotAppliedToABrokenTransaction) {
  WriteTransaction transaction = environment_->begin_write();
  Batch batch;
  batch.put(environment_->table(0), "k") = "v";
  transaction.poison();
  EXPECT_EQ(error_of([&] { transaction.apply(batch); }), ErrorCode::invalid_use);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::invalid_use);
}

TEST_F(BatchTest, AnErrorWhileItIsAppliedBreaksTheTransaction) {
  WriteTransaction transaction = environment_->begin_write();
  Batch batch;
  batch.put(environment_->table(0), "k") = "v";
  batch.put(environment_->table(1), "") = "LMDB takes no empty key";
  EXPECT_NE(error_of([&] { transaction.apply(batch); }), std::nullopt);
  EXPECT_EQ(error_of([&] { transaction.commit(); }), ErrorCode::invalid_use);
}

TEST_F(BatchTest, AStatementThatThrowsLeavesNothingForTheNextOne) {
  WriteTransaction transaction = environment_->begin_write();
  const Table table = environment_->table(0);
  Statements statements(transaction);
  const auto failing = [&] {
    statements.run([&](Batch& batch) {
      batch.put(table, "failed") = "1";
      throw Error(ErrorCode::corrupt_record, {"fail", {}, {}, {}});
    });
  };
  EXPECT_EQ(error_of(failing), ErrorCode::corrupt_record);
  EXPECT_EQ(statements.run([&](Batch& batch) {
    batch.put(table, "made") = "2";
    return 7;
  }),
            7);
  transaction.commit();
  EXPECT_EQ(content(table), "made=2 ");
}

// Against a plain map, for tables and batches of a few keys and of many.
TEST_F(BatchTest, PendingTablesAreAsTablesAfterwards) {
  std::mt19937 random(4711);
  const Table table = environment_->table(0);
  for (const unsigned keys : {4U, 30U, 300U}) {
    for (int round = 0; round < 60; ++round) {
      const auto random_key = [&] { return "k" + std::to_string(random() % keys); };
      WriteTransaction transaction = environment_->begin_write();
      std::map<std::string, std::string> model;
      for (unsigned i = 0; i < keys / 2; ++i) {
        const std::string key = random_key();
        model[key] = std::to_string(random());
        transaction.put(table, key, model[key]);
      }
      Batch batch;
      for (unsigned i = 0; i < keys; ++i) {
        const std::string key = random_key();
        if (random() % 2 == 0) {
          batch.erase(table, key);
          model.erase(key);
        } else {
          batch.put(table, key) = model[key] = std::to_string(random());
        }
      }
      const PendingTable pending(transaction, table, batch);
      const auto expect = [&](const std::optional<PendingTable::Entry>& found, auto wanted, bool is_any) {
        ASSERT_EQ(found.has_value(), is_any);
        if (!is_any) return;
        EXPECT_EQ(found->key, wanted->first);
        EXPECT_EQ(found->value, wanted->second);
      };
      for (unsigned i = 0; i < 2 * keys; ++i) {
        const std::string key = random() % 8 == 0 ? "j" : random_key() + (random() % 2 == 0 ? "" : "+");
        const auto at = model.lower_bound(key);
        expect(pending.seek(key), at, at != model.end());
        const auto behind = model.upper_bound(key);
        expect(pending.after(key), behind, behind != model.end());
        expect(pending.before(key), at == model.begin() ? at : std::prev(at), at != model.begin());
      }
      transaction.apply(batch);
      std::map<std::string, std::string> stored;
      Cursor cursor(transaction, table);
      for (bool found = cursor.first(); found; found = cursor.next())
        stored.emplace(cursor.key(), cursor.value());
      EXPECT_EQ(stored, model);
    }
  }
}

}  // namespace
}  // namespace piecemark::engine
