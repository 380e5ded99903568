// Fails each write, sync and allocation of an operation in turn, once and from then on: of migrations, creations,
// commits, imports and salvage.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "interposer.h"
#include "laboratory.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

// What a run of the operation through all fault points came to.
struct Tally {
  std::uint64_t calls = 0;
  std::uint64_t runs = 0;
  std::uint64_t struck = 0;  // runs that met a fault
  std::uint64_t ended_new = 0;
  std::map<std::string, std::uint64_t> reported;

  void add(const Struck& met, const Outcome& outcome) {
    ++runs;
    struck += met.failed > 0 ? 1 : 0;
    ended_new += outcome.is_new ? 1 : 0;
    ++reported[outcome.reported];
  }
};

// What is reported is what happened. Work that can do without a piece of memory may go on; a write that the system
// calls failed although it is there may have completed the commit, and so may a name that could not be synced.
void expect_honest(const Operation& operation, Fault fault, const Struck& struck, const Outcome& outcome) {
  const bool is_done = outcome.reported == "done";
  if (struck.failed == 0) {
    EXPECT_TRUE(is_done) << "failed by itself: " << outcome.reported;
  } else if (fault != Fault::allocation) {
    EXPECT_FALSE(is_done) << "the fault went unnoticed";
  }
  if (operation.goes_on_afterwards) {
    EXPECT_TRUE(outcome.is_new || !is_done);
  } else if (fault != Fault::late_write && fault != Fault::sync_error) {
    EXPECT_EQ(is_done, outcome.is_new) << outcome.reported << " was reported";
  }
}

void print(const Tally& tally) {
  std::string reported;
  for (const auto& [what, count] : tally.reported) reported += " " + what + "=" + std::to_string(count);
  std::printf("calls %lu, runs %lu, struck %lu, ended old %lu, ended new %lu, reported%s\n", tally.calls,
              tally.runs, tally.struck, tally.runs - tally.ended_new, tally.ended_new, reported.c_str());
  ::testing::Test::RecordProperty("reported", reported);
}

// Which of the calls to fail: all of them, or as many as there may be runs: the last ones, among which is the commit,
// and others at equal distances.
std::vector<std::uint64_t> points(std::uint64_t calls, std::uint64_t runs_max) {
  constexpr std::uint64_t kLast = 8;
  const std::uint64_t spread = runs_max > kLast ? runs_max - kLast : 1;
  const std::uint64_t stride = calls <= runs_max ? 1 : calls / spread + 1;
  if (stride > 1) std::printf("every %luth of %lu calls, and the last %lu\n", stride, calls, kLast);
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    if (nth % stride == 0 || nth + kLast > calls) chosen.push_back(nth);
  }
  return chosen;
}

class Bench {
 public:
  explicit Bench(Operation operation) : operation_(std::move(operation)) {}

  Tally fail_each(Fault fault, Duration duration, std::uint64_t runs_max) {
    Tally tally;
    run(fault, 0, duration);  // Lets what is made once be made.
    tally.calls = run(fault, 0, duration).first.calls;
    for (const std::uint64_t nth : points(tally.calls, runs_max)) {
      SCOPED_TRACE(operation_.name + ", " + std::string(name_of(fault)) + " " + std::to_string(nth) + " " +
                   std::string(name_of(duration)));
      const auto [struck, outcome] = run(fault, nth, duration);
      tally.add(struck, outcome);
      expect_honest(operation_, fault, struck, outcome);
    }
    return tally;
  }

 private:
  std::pair<Struck, Outcome> run(Fault fault, std::uint64_t nth, Duration duration) {
    Struck struck;
    const Obstacle obstacle{[&] { arm(fault, nth, duration); }, [&] { struck = disarm(); }};
    const Outcome outcome = attempt(operation_, folder_.path("work"), obstacle);
    return {struck, outcome};
  }

  TemporaryFolder folder_;
  Operation operation_;
};

struct Case {
  NamedOperation operation;
  Fault fault{};
  Duration duration{};
};

std::string name_of(const Case& tried) {
  return std::string(tried.operation.name) + "_" + std::string(name_of(tried.fault)) + "_" +
         std::string(name_of(tried.duration));
}
std::string name_of_test(const ::testing::TestParamInfo<Case>& test) {
  return name_of(test.param);
}
// For messages of GoogleTest.
void PrintTo(const Case& tried, std::ostream* out) {
  *out << name_of(tried);
}

void fail_each(const Case& tried, const Size& size, std::uint64_t runs_max) {
  const TemporaryFolder folder;
  Bench bench(tried.operation.make(folder, size));
  const Tally tally = bench.fail_each(tried.fault, tried.duration, runs_max);
  print(tally);
  report_torture("faults: " + name_of(tried), tally.runs,
                 "0 dirty errors, " + std::to_string(tally.runs - tally.ended_new) + " ended old, " +
                     std::to_string(tally.ended_new) + " new, all usable afterwards");
  EXPECT_GT(tally.struck, 0U) << "nothing failed: the calls bypass the interposer";
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const NamedOperation& operation :
       {kUpgrade, kDowngrade, kUpgradeInto, kBackup, kCreation, kChanges, kTextImport, kSalvageInto}) {
    for (const Fault fault : {Fault::write_error, Fault::disk_full, Fault::short_write, Fault::late_write,
                              Fault::sync_error, Fault::allocation}) {
      for (const Duration duration : {Duration::once, Duration::from_then_on})
        cases.push_back({operation, fault, duration});
    }
  }
  return cases;
}

// Those for which it matters that a commit takes many writes, of many pages each.
std::vector<Case> cases_of_many_writes() {
  std::vector<Case> cases;
  for (const NamedOperation& operation : {kUpgrade, kDowngrade}) {
    cases.push_back({operation, Fault::short_write, Duration::once});
    cases.push_back({operation, Fault::late_write, Duration::from_then_on});
    cases.push_back({operation, Fault::allocation, Duration::once});
  }
  return cases;
}

class SmallFaultTest : public ::testing::TestWithParam<Case> {};

TEST_P(SmallFaultTest, EachCallThatFailsLeavesTheOldOrTheNewState) {
  const bool is_of_memory = GetParam().fault == Fault::allocation;  // Some for each row.
  fail_each(GetParam(), {.drawings = 5, .rows_per_drawing = is_of_memory ? 16U : 40U}, tries("faults", 40));
}

INSTANTIATE_TEST_SUITE_P(All, SmallFaultTest, ::testing::ValuesIn(all_cases()), name_of_test);

class LargeFaultTest : public ::testing::TestWithParam<Case> {};

TEST_P(LargeFaultTest, CallsThatFailLeaveTheOldOrTheNewState) {
  fail_each(GetParam(), {.drawings = 60, .rows_per_drawing = 500}, 16);
}

INSTANTIATE_TEST_SUITE_P(All, LargeFaultTest, ::testing::ValuesIn(cases_of_many_writes()), name_of_test);

}  // namespace
}  // namespace piecemark::testing
