// Fails each write, sync and allocation of a compaction in turn, once and from then on: the content stays, in the old file or
// in the new one, whoever opens it goes on, and the next compaction succeeds and leaves nothing behind.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <set>

#include "interposer.h"
#include "tests/api/site.h"
#include "tests/support/store_state.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

struct Case {
  Fault fault{};
  Duration duration{};
};

std::string name_of_test(const ::testing::TestParamInfo<Case>& test) {
  return std::string(name_of(test.param.fault)) + "_" + std::string(name_of(test.param.duration));
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Fault fault : {Fault::write_error, Fault::disk_full, Fault::short_write, Fault::late_write,
                            Fault::sync_error, Fault::allocation}) {
    for (const Duration duration : {Duration::once, Duration::from_then_on})
      cases.push_back({fault, duration});
  }
  return cases;
}

class CompactionFaultTest : public ::testing::TestWithParam<Case> {
 protected:
  CompactionFaultTest() {
    Store store = Store::create(prepared_, {}, kOpen);
    WriteTxn txn = store.write();
    txn.insert_drawing({.id = kDrawing, .name = "S-101"});
    for (unsigned i = 0; i < 200; ++i) txn.insert(girder(i, "G" + std::to_string(i % 40), std::to_string(i)));
    txn.commit();
    txn = store.write();
    for (unsigned i = 0; i < 200; ++i) {
      if (i % 10 != 0) txn.erase(numbered(i));
    }
    txn.commit();
    expected_ = state_of_store(store);
  }

  // "done", or what went wrong.
  std::string compact_with_fault(std::uint64_t nth, Struck& struck) const {
    Store store = Store::open(path_, kOpen);
    std::string reported = "done";
    arm(GetParam().fault, nth, GetParam().duration);
    try {
      store.compact();
      struck = disarm();
    } catch (const Error& error) {
      struck = disarm();
      reported = name_of(error.code());
    } catch (const std::bad_alloc&) {
      struck = disarm();
      reported = "bad_alloc";
    }
    try {
      EXPECT_TRUE(state_of_store(store) == expected_) << "as the open store sees it";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::reopen_needed) << error.what();
    }
    return reported;
  }

  void expect_whole() const {
    {
      Store store = Store::open(path_, kOpen);
      EXPECT_TRUE(state_of_store(store) == expected_) << state_of_store(store);
      store.compact();
      EXPECT_TRUE(state_of_store(store) == expected_);
    }
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path("work")))
      names.insert(entry.path().filename());
    EXPECT_EQ(names, (std::set<std::string>{"site.pmk", "site.pmk-lock"}));
  }

  void start_afresh() const {
    fs::remove_all(folder_.path("work"));
    fs::create_directory(folder_.path("work"));
    fs::copy_file(prepared_, path_);
  }

  inline static const OpenOptions kOpen{.map_size_bytes = 1 << 28};
  TemporaryFolder folder_;
  std::string prepared_ = folder_.path("prepared.pmk");
  std::string path_ = folder_.path("work/site.pmk");
  std::string expected_;
};

TEST_P(CompactionFaultTest, LeavesTheContentWhole) {
  std::map<std::string, int> outcomes;
  Struck struck;
  start_afresh();
  ASSERT_EQ(compact_with_fault(0, struck), "done");
  const std::uint64_t calls = struck.calls;
  const std::uint64_t stride = calls / tries("faults", 40) + 1;
  for (std::uint64_t nth = 1; nth <= calls; nth += nth + 10 < calls ? stride : 1) {
    SCOPED_TRACE(nth);
    start_afresh();
    const std::string reported = compact_with_fault(nth, struck);
    ++outcomes[reported];
    if (struck.failed > 0 && GetParam().fault != Fault::allocation) {
      EXPECT_NE(reported, "done") << "the fault went unnoticed";
    }
    expect_whole();
    if (HasFailure()) break;
  }
  for (const auto& [reported, count] : outcomes) std::printf("%s %d  ", reported.c_str(), count);
  std::printf("of %lu calls\n", calls);
  EXPECT_GT(outcomes.size(), outcomes.count("done")) << "nothing failed: the calls bypass the interposer";
}

INSTANTIATE_TEST_SUITE_P(All, CompactionFaultTest, ::testing::ValuesIn(all_cases()), name_of_test);

}  // namespace
}  // namespace piecemark::testing
