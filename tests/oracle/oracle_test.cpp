// The same random operations go to SQLite and to Piecemark: every answer must be the same, and so must what
// both hold in the end.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "piecemark/migration.h"
#include "tests/oracle/generator.h"
#include "tests/oracle/sqlite_oracle.h"
#include "tests/oracle/subject.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark::oracle {
namespace {

using piecemark::testing::TemporaryFolder;

struct Case {
  const char* name;
  std::uint64_t seed;
  Through through;
  bool nulls_not_distinct = false;
  std::uint32_t format = 2;
  std::size_t operations = 12'000;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& given) {
  return given.param.name;
}

void PrintTo(const Case& given, std::ostream* out) {
  *out << given.name << ", seed " << given.seed;
}

// Where a commit costs no disk.
class Oracle : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() {
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  }
};

// What the answer has behind "name":" , or an empty text where there is no such text.
std::string_view text_behind(std::string_view answer, std::string_view name) {
  const std::string start = "\"" + std::string(name) + "\":\"";
  const auto at = answer.rfind(start);
  if (at == std::string_view::npos) return {};
  answer.remove_prefix(at + start.size());
  return answer.substr(0, answer.find('"'));
}

// Carries out operations on both sides. What only the store can know, a generated id and the time, is taken
// from it once it has been found plausible.
class Comparison {
 public:
  Comparison(const Case& given, Store& store)
      : doubles_(given.through == Through::exec ? Doubles::shortest : Doubles::bits),
        generator_({.seed = given.seed, .through = given.through, .format = given.format}),
        oracle_({.format = given.format,
                 .nulls_not_distinct = given.nulls_not_distinct,
                 .through = given.through,
                 .doubles = doubles_}) {
    if (given.through == Through::exec) {
      subject_ = std::make_unique<ExecSubject>(store);
    } else {
      subject_ = std::make_unique<ApiSubject>(store);
    }
  }

  // False, with a failure, where the answers differ.
  bool step() {
    Operation operation = generator_.next();
    if (!in_transaction_) begun_ = Timestamp::now();
    const std::string actual = subject_->answer(operation);
    const bool is_ok = actual.starts_with(R"({"ok":true)");
    if (is_ok) follow(operation, actual);
    const std::string expected = oracle_.answer(operation);
    if (operation.verb == Verb::begin && is_ok) in_transaction_ = true;
    if (operation.verb == Verb::commit || operation.verb == Verb::rollback) in_transaction_ = false;
    EXPECT_EQ(actual, expected) << to_line(operation);
    return actual == expected;
  }

  void commit() {
    if (in_transaction_) subject_->answer({.verb = Verb::commit});
    if (in_transaction_) oracle_.answer({.verb = Verb::commit});
  }

  std::string expected_dump() { return oracle_.dump(); }
  Doubles doubles() const { return doubles_; }

 private:
  void follow(Operation& operation, const std::string& actual) {
    const bool inserts = operation.verb == Verb::insert || operation.verb == Verb::upsert;
    if (!inserts && operation.verb != Verb::update) return;
    if (operation.verb == Verb::update && actual != answer_count("updated", 1)) return;
    const auto answered = Uuid::parse(text_behind(actual, "id"));
    if (inserts && !operation.columns.id.is_given() && !actual.starts_with(R"({"ok":true,"skipped")")) {
      ASSERT_TRUE(answered) << actual;
      if (!actual.starts_with(R"({"ok":true,"updated")")) {
        EXPECT_EQ(answered->bytes[6] >> 4, 7) << "generated ids are of version 7";
        operation.columns.id = *answered;
        generator_.learn(*answered);
      }
    }
    ComponentColumns& columns = operation.columns;
    if (columns.updated_at.is_given() && (columns.created_at.is_given() || !inserts)) return;
    const Uuid id = inserts ? *answered : columns.id.value().value_or(*operation.id);
    learn_now(id, columns.updated_at.is_given() ? "created_at" : "updated_at");
  }

  void learn_now(const Uuid& id, std::string_view column) {
    const std::string row = subject_->answer({.verb = Verb::get, .id = id});
    const auto read = Timestamp::parse(text_behind(row, column));
    const auto* now = std::get_if<Timestamp>(&read);
    if (now == nullptr || *now < begun_ || *now > Timestamp::now()) return;  // The next comparison shows it.
    oracle_.set_now(*now);
  }

  Doubles doubles_;
  Generator generator_;
  SqliteOracle oracle_;
  std::unique_ptr<Subject> subject_;
  bool in_transaction_ = false;
  Timestamp begun_;
};

TEST_P(Oracle, GivesTheSameAnswersAsSqlite) {
  const Case& given = GetParam();
  SCOPED_TRACE(::testing::PrintToString(given));
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  std::string expected;
  {
    Store store =
        Store::create(path, {.format = given.format, .nulls_not_distinct = given.nulls_not_distinct},
                      {.write_older_format = true});
    Comparison comparison(given, store);
    for (std::size_t i = 0; i < given.operations; ++i) {
      SCOPED_TRACE("operation " + std::to_string(i + 1));
      if (!comparison.step()) return;
    }
    comparison.commit();
    expected = comparison.expected_dump();
    EXPECT_EQ(dump(store, comparison.doubles()), expected);
  }
  const Store reopened = Store::open(path);
  EXPECT_EQ(dump(reopened, given.through == Through::exec ? Doubles::shortest : Doubles::bits), expected);
  EXPECT_EQ(verify(reopened.read()).problems, std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Seeds, Oracle,
                         ::testing::Values(Case{"Exec", 1, Through::exec},
                                           Case{"ExecAgain", 2, Through::exec},
                                           Case{"ExecNullsNotDistinct", 3, Through::exec, true},
                                           Case{"ExecNullsNotDistinctAgain", 4, Through::exec, true},
                                           Case{"ExecFormat1", 5, Through::exec, false, 1},
                                           Case{"ExecFormat1NullsNotDistinct", 6, Through::exec, true, 1},
                                           Case{"Api", 7, Through::api}, Case{"ApiAgain", 8, Through::api},
                                           Case{"ApiNullsNotDistinct", 9, Through::api, true},
                                           Case{"ApiFormat1", 10, Through::api, false, 1},
                                           Case{"ApiFormat1NullsNotDistinct", 11, Through::api, true, 1}),
                         name_of_case);

// The real program is asked in one go: nothing may depend on the clock or on generated ids.
class OracleProgram : public Oracle {};

TEST_P(OracleProgram, GivesTheSameAnswersAsSqlite) {
  const Case& given = GetParam();
  SCOPED_TRACE(::testing::PrintToString(given));
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  Store::create(path, {.nulls_not_distinct = given.nulls_not_distinct});
  Generator generator({.seed = given.seed, .through = given.through, .nothing_by_default = true});
  SqliteOracle oracle({.nulls_not_distinct = given.nulls_not_distinct});

  std::string input;
  std::vector<std::string> expected;
  bool in_transaction = false;
  const auto add = [&](const Operation& operation) {
    std::string line = to_line(operation);
    if (line.empty() || line.find('\n') != std::string::npos) return;  // An empty line is none at all.
    input += line + "\n";
    expected.push_back(oracle.answer(operation));
    if (operation.verb == Verb::begin) in_transaction = true;
    if (operation.verb == Verb::commit || operation.verb == Verb::rollback) in_transaction = false;
  };
  for (std::size_t i = 0; i < given.operations; ++i) add(generator.next());
  if (in_transaction) add({.verb = Verb::commit});

  const auto finished = piecemark::testing::piecemark({"exec", path}, input);
  std::string_view out = finished.out;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto end = out.find('\n');
    ASSERT_NE(end, std::string_view::npos) << "no answer to operation " << i + 1 << ": " << finished.err;
    ASSERT_EQ(without_message(std::string(out.substr(0, end))), expected[i]) << "operation " << i + 1;
    out.remove_prefix(end + 1);
  }
  EXPECT_EQ(out, "");
  EXPECT_EQ(dump(Store::open(path), Doubles::shortest), oracle.dump());
}

INSTANTIATE_TEST_SUITE_P(Seeds, OracleProgram,
                         ::testing::Values(Case{"Distinct", 12, Through::exec},
                                           Case{"NullsNotDistinct", 13, Through::exec, true}),
                         name_of_case);

// A comparison that cannot fail proves nothing: with NULLs that are distinct on one side only, it must.
TEST(OracleItself, NoticesAWrongStore) {
  const TemporaryFolder folder;
  Store store = Store::create(folder.path("site.pmk"), {.nulls_not_distinct = true});
  SqliteOracle oracle({.nulls_not_distinct = false});
  ExecSubject subject(store);
  Generator generator({.seed = 14, .nothing_by_default = true});
  std::size_t differences = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Operation operation = generator.next();
    if (subject.answer(operation) != oracle.answer(operation)) ++differences;
  }
  EXPECT_GT(differences, 10U);
}

}  // namespace
}  // namespace piecemark::oracle
