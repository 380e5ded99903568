// How often a commit waits for the disk.
#include <gtest/gtest.h>

#include "interposer.h"
#include "tests/api/site.h"

namespace piecemark::testing {
namespace {

struct Waits {
  std::uint64_t syncs;
  std::uint64_t synchronous_writes;
  friend bool operator==(const Waits&, const Waits&) = default;
};

Waits waits_of_a_commit(Durability durability) {
  Site site({}, {.durability = durability});
  WriteTxn txn = site.store.write();
  txn.insert(girder(1, "G1"));
  arm(Fault::sync_error, 0, Duration::once);  // Counts, and fails none.
  txn.commit();
  const Struck struck = disarm();
  return {struck.calls, struck.synchronous_writes};
}

TEST(DurabilityTest, FullCommitWaitsForThePagesAndForTheRecordThatMakesThemValid) {
  EXPECT_EQ(waits_of_a_commit(Durability::full), (Waits{1, 1}));
}

TEST(DurabilityTest, RelaxedCommitWaitsForThePagesAlone) {
  EXPECT_EQ(waits_of_a_commit(Durability::relaxed), (Waits{1, 0}));
}

}  // namespace
}  // namespace piecemark::testing
