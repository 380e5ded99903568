// A file in creation, where each of its allocations fails in turn: nothing is left, and the next one succeeds.
#include <gtest/gtest.h>

#include <filesystem>
#include <new>

#include "engine/file_in_creation.h"
#include "interposer.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {
namespace {

TEST(FileInCreationFaultTest, LeavesNothingWhereThereIsNoMemory) {
  for (const bool has_owner : {false, true}) {
    const TemporaryFolder folder;
    const std::string path = folder.path("a name that is too long for the room within a string.pmk");
    const std::string attempted = "cannot create it";
    engine::os::FileFacts facts;
    ASSERT_FALSE(engine::os::facts_of_link(folder.path(""), facts));
    std::optional<engine::FileOwner> owner;
    if (has_owner) owner = {.owner = facts.owner, .group = facts.group, .permissions = 0600};
    std::uint64_t struck = 0;
    for (std::uint64_t nth = 1;; ++nth) {
      arm(Fault::allocation, nth, Duration::once);
      try {
        const engine::FileInCreation file(path, attempted, owner);
      } catch (const std::bad_alloc&) {
      }
      if (disarm().failed == 0) break;
      ++struck;
      EXPECT_TRUE(std::filesystem::is_empty(folder.path(""))) << "allocation " << nth;
    }
    EXPECT_GE(struck, 5U);
  }
}

}  // namespace
}  // namespace piecemark::testing
