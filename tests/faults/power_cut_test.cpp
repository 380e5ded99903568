// Cuts the power at every instant of a creation, of commits and of migrations. Whatever the disk has kept of what it
// did not have to: the file opens, is sound, and holds a whole commit, not older than the last one that was
// acknowledged with full durability.
#include "power_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/os.h"
#include "laboratory.h"
#include "piecemark/migration.h"
#include "piecemark/salvage.h"
#include "tests/api/site.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

constexpr OpenOptions kOpen{.write_older_format = true, .map_size_bytes = 1 << 28};
constexpr const char* kAbsent = "absent";

// What the file holds; kAbsent where there is none.
std::string state_of_copy(const std::string& file) {
  if (!fs::exists(file)) return kAbsent;
  const TemporaryFolder folder;
  fs::copy_file(file, folder.path(kSite));
  return state_of(folder.path("")).at(kSite);
}

// Something that is done in steps, each acknowledged when it is done.
class Scenario {
 public:
  explicit Scenario(std::string watched = kSite) : watched_(std::move(watched)) {
    fs::create_directory(folder_);
  }

  const std::string& folder() const { return folder_; }
  std::string site() const { return folder_ + "/" + kSite; }

  // Everything until now is durable, and what the file holds now is where it begins.
  void begin() {
    states_.push_back(state_now());
    record_ = std::make_unique<DiskRecord>(folder_);
    record_->resume();
  }
  // All before is done.
  void acknowledge() {
    record_->pause();
    record_->acknowledge();
    states_.push_back(state_now());
    record_->resume();
  }
  void end() { record_->pause(); }

  // Cuts the power as often as asked for, and expects a state not older than `oldest` says: a number of acknowledged
  // steps, given how many there were.
  void cut(const std::string& name, const std::function<std::size_t(std::size_t)>& oldest) {
    const std::uint64_t cuts = tries("power_loss", 120);
    std::uint64_t newer = 0;
    for (std::uint64_t number = 0; number < cuts; ++number) {
      const auto [events, chance] = choice(number, cuts);
      SCOPED_TRACE(name + ", cut " + std::to_string(number) + " after " + std::to_string(events) + " of " +
                   std::to_string(record_->events()) + " events, blocks of " +
                   std::to_string(chance.block_bytes) + " kept by " + std::to_string(chance.kept));
      const std::size_t acknowledged = record_->acknowledged(events);
      newer += expect_whole(record_->after_cut(events, chance), oldest(acknowledged), acknowledged) ? 1U : 0U;
      if (::testing::Test::HasFailure()) return;
    }
    report_torture("power loss: " + name, cuts,
                   "every file whole, " + std::to_string(newer) + " with a step that was not acknowledged");
  }

 private:
  std::string state_now() const { return state_of_copy(folder_ + "/" + watched_); }

  // At first every instant with nothing and with everything kept, as far as there are cuts for; then by chance.
  std::pair<std::size_t, DiskRecord::Chance> choice(std::uint64_t number, std::uint64_t cuts) const {
    const std::size_t instants = record_->events() + 1;
    if (number < cuts / 3) {
      const std::size_t stride =
          std::max<std::size_t>(1, 2 * instants * 3 / std::max<std::uint64_t>(cuts, 1));
      return {number / 2 * stride % instants, {.kept = number % 2 == 0 ? 0.0 : 1.0}};
    }
    std::mt19937_64 random(torture_seed() * 1'000'003 + number);
    const auto below = [&](std::uint64_t end) {
      return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
    };
    constexpr std::array kKept{0.1, 0.5, 0.9};
    constexpr std::array kWhole{0.0, 0.5, 1.0};
    return {below(instants),
            {.block_bytes = below(2) == 0 ? 512U : 4096U,
             .kept = kKept[below(kKept.size())],
             .whole_writes = kWhole[below(kWhole.size())],
             .seed = random()}};
  }

  // Whether a step is there that was not acknowledged.
  bool expect_whole(const std::map<std::string, std::string>& disk, std::size_t oldest,
                    std::size_t acknowledged) const {
    const TemporaryFolder cut;
    for (const auto& [name, bytes] : disk) cut.write(name, bytes);
    const std::string file = cut.path(watched_);
    const std::string state = state_of_copy(file);
    const auto newest = std::min(acknowledged + 1, states_.size() - 1);
    for (std::size_t step = newest + 1; step-- > oldest;) {
      if (states_[step] != state) continue;
      expect_usable(file, state == kAbsent);
      return step > acknowledged;
    }
    ADD_FAILURE() << "neither of the steps " << oldest << " to " << newest << ": " << state.substr(0, 500);
    return false;
  }

  // The next write goes on from there.
  void expect_usable(const std::string& file, bool is_absent) const {
    Store store = is_absent ? Store::create(file) : Store::open(file, kOpen);
    WriteTxn txn = store.write();
    txn.insert_drawing({.name = "after"});
    txn.commit();
    EXPECT_TRUE(verify(store.read()).is_clean());
  }

  TemporaryFolder temporary_;
  std::string watched_;
  std::string folder_ = temporary_.path("work");
  std::unique_ptr<DiskRecord> record_;
  std::vector<std::string> states_;
};

std::size_t as_acknowledged(std::size_t steps) {
  return steps;
}
std::size_t as_at_first(std::size_t /*steps*/) {
  return 0;
}

// Commits that add, change and delete, some of them with values on pages of their own.
void change(Store& store, unsigned round) {
  WriteTxn txn = store.write();
  const Uuid drawing = txn.insert_drawing({.name = "S-" + std::to_string(round)});
  for (unsigned i = 0; i < 12; ++i) {
    Component row = girder(100 * round + i, "G" + std::to_string(i), std::to_string(round), drawing);
    if (i == round) row.bounding_box = "[" + std::string(6000, '7') + "]";
    txn.insert(row);
  }
  if (round > 1) {
    for (unsigned i = 0; i < 5; ++i) {
      txn.update(numbered(100 * (round - 1) + i), {.material_type = "S" + std::to_string(round)});
      txn.erase(numbered(100 * (round - 1) + 6 + i));
    }
  }
  txn.commit();
}

void fill_for_migration(const std::string& file) {
  Store store = Store::create(file);
  for (unsigned round = 1; round <= 3; ++round) change(store, round);
}

TEST(PowerCutTest, Creation) {
  Scenario scenario;
  scenario.begin();
  Store::create(scenario.site());
  scenario.acknowledge();
  scenario.end();
  scenario.cut("creation", as_acknowledged);
}

TEST(PowerCutTest, FullCommits) {
  Scenario scenario;
  {
    Store store = Store::create(scenario.site(), {}, kOpen);
    scenario.begin();
    for (unsigned round = 1; round <= 8; ++round) {
      change(store, round);
      scenario.acknowledge();
    }
    scenario.end();
  }
  scenario.cut("full commits", as_acknowledged);
}

TEST(PowerCutTest, RelaxedCommits) {
  Scenario scenario;
  {
    OpenOptions relaxed = kOpen;
    relaxed.durability = Durability::relaxed;
    Store store = Store::create(scenario.site(), {}, relaxed);
    scenario.begin();
    for (unsigned round = 1; round <= 8; ++round) {
      change(store, round);
      scenario.acknowledge();
    }
    scenario.end();
  }
  scenario.cut("relaxed commits", as_at_first);
}

// The first two are relaxed, the third makes them durable, and the rest are relaxed again.
TEST(PowerCutTest, FullCommitMakesTheRelaxedOnesBeforeItDurable) {
  Scenario scenario;
  Store::create(scenario.site());
  scenario.begin();
  for (unsigned round = 1; round <= 6; ++round) {
    OpenOptions options = kOpen;
    options.durability = round == 3 ? Durability::full : Durability::relaxed;
    Store store = Store::open(scenario.site(), options);
    change(store, round);
    scenario.acknowledge();
  }
  scenario.end();
  scenario.cut("relaxed and full commits",
               [](std::size_t acknowledged) { return acknowledged >= 3 ? std::size_t{3} : std::size_t{0}; });
}

TEST(PowerCutTest, MigrationsInPlace) {
  Scenario scenario;
  fill_for_migration(scenario.site());
  {
    Store store = Store::open(scenario.site(), kOpen);
    scenario.begin();
    for (const std::uint32_t format : {1U, 3U, 2U, 3U}) {
      migrate(store, format, {.on_loss = OnLoss::stash});
      scenario.acknowledge();
    }
    scenario.end();
  }
  scenario.cut("migrations in place", as_acknowledged);
}

constexpr const char* kNewFile = "new.pmk";

TEST(PowerCutTest, MigrationIntoANewFile) {
  Scenario scenario(kNewFile);
  fill_for_migration(scenario.site());
  {
    const Store store = Store::open(scenario.site(), {.read_only = true});
    scenario.begin();
    migrate_into(scenario.folder() + "/" + kNewFile, store, 1, {.on_loss = OnLoss::stash});
    scenario.acknowledge();
    scenario.end();
  }
  scenario.cut("migration into a new file", as_acknowledged);
}

TEST(PowerCutTest, Salvage) {
  Scenario scenario(kNewFile);
  fill_for_migration(scenario.site());
  scenario.begin();
  salvage(scenario.site(), scenario.folder() + "/" + kNewFile);
  scenario.acknowledge();
  scenario.end();
  scenario.cut("salvage", as_acknowledged);
}

// A laboratory that finds nothing must be able to: without syncs, files are torn.
TEST(DiskRecordTest, WithoutSyncsNothingIsSure) {
  const TemporaryFolder folder;
  DiskRecord record(folder.path(""));
  record.resume();
  const std::string path = folder.path("a");
  {
    engine::os::File opened;
    ASSERT_FALSE(engine::os::create_exclusively(path, opened));
    ASSERT_FALSE(engine::os::write_at(opened, 0, std::string(8192, 'x')));
    EXPECT_TRUE(record.after_cut(record.events(), {.kept = 0}).empty());
    ASSERT_FALSE(engine::os::sync_folder(folder.path("")));
    EXPECT_EQ(record.after_cut(record.events(), {.kept = 0}).at("a"), "");
    EXPECT_EQ(record.after_cut(record.events(), {.kept = 1}).at("a"), std::string(8192, 'x'));
    std::map<std::string, int> seen;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      ++seen[record.after_cut(record.events(), {.kept = 0.5, .seed = seed}).at("a")];
    }
    EXPECT_EQ(seen.size(), 4U);  // either page, both, none
    ASSERT_FALSE(engine::os::sync_file(path));
    EXPECT_EQ(record.after_cut(record.events(), {.kept = 0}).at("a"), std::string(8192, 'x'));
  }
  record.pause();
}

}  // namespace
}  // namespace piecemark::testing
