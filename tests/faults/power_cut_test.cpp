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
#include <memory>
#include <optional>
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

const OpenOptions kOpen{.write_older_format = true, .map_size_bytes = 1 << 28};
constexpr const char* kAbsent = "absent";

// What the file of that name holds; kAbsent where there is none.
std::string state_in(const std::string& folder, const std::string& name) {
  const FolderState state = state_of(folder);
  const auto found = state.find(name);
  return found == state.end() ? kAbsent : found->second;
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

  // What came of cuts: how often the disk was at a step older than the last that was acknowledged, at one that was not
  // acknowledged yet, or at none.
  struct Tally {
    std::uint64_t older = 0;
    std::uint64_t newer = 0;
    std::uint64_t torn = 0;
  };

  // Cuts the power as often as asked for, and expects the file at a step not older than `oldest` says: the number of a
  // step, given that of the last that was acknowledged.
  Tally cut(const std::string& name, const std::function<std::size_t(std::size_t)>& oldest) const {
    Tally tally;
    const std::uint64_t cuts = tries("power_loss", 120);
    for (std::uint64_t number = 0; number < cuts; ++number) {
      const auto [events, chance] = choice(number, cuts);
      SCOPED_TRACE(name + ", cut " + std::to_string(number) + " after " + std::to_string(events) + " of " +
                   std::to_string(record_->events()) + " events, blocks of " +
                   std::to_string(chance.block_bytes) + " kept by " + std::to_string(chance.kept));
      const std::size_t acknowledged = record_->acknowledged(events);
      const auto step = step_at(record_->after_cut(events, chance), oldest(acknowledged), acknowledged + 1);
      EXPECT_TRUE(step) << "at none of the steps from " << oldest(acknowledged);
      if (!step) return tally;
      expect_usable();
      tally.older += *step < acknowledged ? 1U : 0U;
      tally.newer += *step > acknowledged ? 1U : 0U;
    }
    report_torture("power loss: " + name, cuts,
                   "0 torn, 0 older than promised; " + std::to_string(tally.newer) +
                       " with a step that was not acknowledged, " + std::to_string(tally.older) +
                       " without one that was");
    return tally;
  }

  // The same with a disk that says it has what it does not have.
  Tally cut_lying_disk() const {
    constexpr std::uint64_t kCuts = 60;
    Tally tally;
    for (std::uint64_t number = 0; number < kCuts; ++number) {
      auto [events, chance] = choice(number, kCuts);
      chance.ignores_syncs = true;
      const std::size_t acknowledged = record_->acknowledged(events);
      const auto step = step_at(record_->after_cut(events, chance), 0, acknowledged + 1);
      tally.older += step && *step < acknowledged ? 1U : 0U;
      tally.torn += step ? 0U : 1U;
    }
    return tally;
  }

 private:
  std::string state_now() const {
    const TemporaryFolder copy;
    if (fs::exists(folder_ + "/" + watched_)) fs::copy_file(folder_ + "/" + watched_, copy.path(watched_));
    return state_in(copy.path(""), watched_);
  }

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

  // The step that the disk is at, of those from `oldest` to `newest`; the file is left in the folder of cuts.
  std::optional<std::size_t> step_at(const std::map<std::string, std::string>& disk, std::size_t oldest,
                                     std::size_t newest) const {
    for (const fs::directory_entry& left : fs::directory_iterator(cut_.path(""))) fs::remove(left.path());
    for (const auto& [name, bytes] : disk) cut_.write(name, bytes);
    const std::string state = state_in(cut_.path(""), watched_);
    for (std::size_t step = std::min(newest, states_.size() - 1) + 1; step-- > oldest;) {
      if (states_[step] == state) return step;
    }
    return std::nullopt;
  }

  // The next write goes on from there.
  void expect_usable() const {
    const std::string file = cut_.path(watched_);
    Store store = fs::exists(file) ? Store::open(file, kOpen) : Store::create(file);
    WriteTxn txn = store.write();
    txn.insert_drawing({.name = "after"});
    txn.commit();
    EXPECT_TRUE(verify(store.read()).is_clean());
  }

  TemporaryFolder temporary_;
  TemporaryFolder cut_;
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
  EXPECT_EQ(scenario.cut("full commits", as_acknowledged).older, 0U);
  // A laboratory that finds nothing must be able to.
  const Scenario::Tally lying = scenario.cut_lying_disk();
  EXPECT_GT(lying.torn, 0U);
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
  EXPECT_GT(scenario.cut("relaxed commits", as_at_first).older, 0U);
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

TEST(DiskRecordTest, WithoutSyncsNothingIsSure) {
  const TemporaryFolder folder;
  DiskRecord record(folder.path(""));
  record.resume();
  const std::string path = folder.path("a");
  {
    engine::os::File opened;
    ASSERT_FALSE(engine::os::create_exclusively(path, 0666, opened));
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
