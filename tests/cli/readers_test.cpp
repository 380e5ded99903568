// One process writes, three read: every snapshot is a whole commit. PIECEMARK_SECONDS makes it last longer.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <set>

#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::TemporaryFolder;
using Clock = std::chrono::steady_clock;

constexpr int kMarks = 20;
constexpr int kReaders = 3;

Clock::duration duration() {
  const char* given = std::getenv("PIECEMARK_SECONDS");
  return std::chrono::seconds(given != nullptr ? std::atoi(given) : 2);
}

// Every commit gives all marks the same quantity, one more than the last, and moves them to another drawing.
void write_commits(const std::string& path, Clock::time_point end) {
  Store store = Store::open(path);
  std::vector<Uuid> ids;
  {
    const ReadTxn snapshot = store.read();
    for (const ComponentView& component : snapshot.scan()) ids.push_back(component.id());
  }
  for (std::int32_t round = 1; Clock::now() < end; ++round) {
    WriteTxn transaction = store.write();
    const Uuid drawing = transaction.insert_drawing({.name = std::to_string(round)});
    for (const Uuid& id : ids) transaction.update(id, {.drawing_id = drawing, .quantity = round});
    transaction.commit();
  }
}

// Returns 0 if every snapshot was whole and the commits came in order.
int read_snapshots(const std::string& path, Clock::time_point end) {
  const Store store = Store::open(path, {.read_only = true});
  std::int32_t last = 0;
  int distinct = 0;
  while (Clock::now() < end) {
    const ReadTxn snapshot = store.read();
    std::set<std::int32_t> quantities;
    std::set<Uuid> drawings;
    int rows = 0;
    for (const ComponentView& component : snapshot.scan()) {
      quantities.insert(*component.quantity());
      drawings.insert(*component.drawing_id());
      ++rows;
    }
    if (rows != kMarks) return 4;
    if (quantities.size() != 1) return 5;
    if (drawings.size() != 1) return 6;
    if (*quantities.begin() < last) return 7;
    if (*quantities.begin() > last) ++distinct;
    last = *quantities.begin();
  }
  return distinct > 2 ? 0 : 2;
}

TEST(Readers, OfOtherProcessesSeeWholeCommitsOnly) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  {
    Store store = Store::create(path);
    WriteTxn transaction = store.write();
    const Uuid drawing = transaction.insert_drawing({.name = "0"});
    for (int i = 0; i < kMarks; ++i)
      transaction.insert({.drawing_id = drawing, .piece_mark = "G" + std::to_string(i), .quantity = 0});
    transaction.commit();
  }
  const auto end = Clock::now() + duration();
  std::vector<pid_t> children;
  for (int i = 0; i < kReaders + 1; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        if (i == 0) write_commits(path, end);
        ::_exit(i == 0 ? 0 : read_snapshots(path, end));
      } catch (const std::exception&) {
        ::_exit(3);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "2: too few commits seen; 3: an error; not whole: 4 rows, 5 "
                                         "quantities, 6 drawings; 7: an older commit";
  }
  EXPECT_TRUE(verify(Store::open(path).read()).is_clean());
}

}  // namespace
}  // namespace piecemark
