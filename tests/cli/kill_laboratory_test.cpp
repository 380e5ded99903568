// Kills a process at a random instant of whatever it does to a store, while others go on reading and writing. After
// each kill: the store is sound, holds everything that was acknowledged and nothing else but what was under way, and
// takes the next write.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <thread>

#include "piecemark/migration.h"
#include "tests/support/process.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark {
namespace {

namespace fs = std::filesystem;
using testing::Background;
using testing::Conversation;
using testing::TemporaryFolder;
using Clock = std::chrono::steady_clock;

constexpr int kRowsOfImport = 1500;
constexpr std::uint32_t kNextWriteWithinMs = 1000;
const Uuid kDrawingOfImport = *Uuid::parse("00000000-0000-7000-8000-000000000001");

using Rows = std::map<std::string, std::string>;  // id -> material

// A process that changes the components of a drawing of its own, and what it was told became of them.
class Actor {
 public:
  Actor(const std::string& file, std::uint64_t seed)
      : program_({PIECEMARK_PROGRAM, "exec", file}), random_(seed), drawing_(Uuid::generate()) {
    ask(R"({"op":"insert_drawing","row":{"id":")" + drawing_.to_string() + R"("}})");
  }

  const Uuid& drawing() const { return drawing_; }
  void send(int signal) const { program_.send(signal); }
  int wait() { return program_.wait(); }
  std::uint64_t acknowledged() const { return acknowledged_; }

  // Until it is told to stop and has been acknowledged something since, or until the program has ended.
  void act(const std::atomic<bool>& stop) {
    bool is_last = false;
    do {
      is_last = stop;
      if (!transact()) return;
      if (!is_last) (void)ask(R"({"op":"list","drawing_id":")" + drawing_.to_string() + R"("})");
    } while (!is_last || !was_acknowledged_);
  }

  // Whether the rows of its drawing are as they must be: with what was under way, or without.
  bool is_as_told(const Rows& rows) const { return rows == told_ || (under_way_ && rows == *under_way_); }
  std::string expected() const { return std::to_string(told_.size()) + " rows"; }

 private:
  // nullopt once the program has ended; else whether the answer was yes.
  std::optional<bool> ask(const std::string& line) {
    const auto answer = program_.ask(line);
    return answer ? std::optional(answer->starts_with(R"({"ok":true)")) : std::nullopt;
  }

  // A few changes, all or nothing. False once the program has ended.
  bool transact() {
    Rows after = told_;
    std::vector<std::string> lines;
    for (auto left = 1 + random_() % 3; left > 0; --left) lines.push_back(change(after));
    if (lines.size() > 1) {
      lines.insert(lines.begin(), R"({"op":"begin"})");
      lines.emplace_back(R"({"op":"commit"})");
    }
    under_way_ = after;
    was_acknowledged_ = false;
    bool is_done = true;
    for (const std::string& line : lines) {
      const auto answer = ask(line);
      if (!answer) return false;
      is_done = *answer;
      if (is_done) continue;
      if (lines.size() > 1 && !ask(R"({"op":"rollback"})")) return false;
      break;
    }
    if (is_done) {
      told_ = std::move(after);
      was_acknowledged_ = true;
      ++acknowledged_;
    }
    under_way_.reset();
    return true;
  }

  // One change to the rows, as a line for the program.
  std::string change(Rows& rows) {
    const std::string material = "S" + std::to_string(random_() % 1000);
    if (rows.size() < 20 || random_() % 3 == 0) {
      const std::string id = Uuid::generate().to_string();
      rows[id] = material;
      return R"({"op":"insert","row":{"id":")" + id + R"(","drawing_id":")" + drawing_.to_string() +
             R"(","piece_mark":"G)" + std::to_string(rows.size() % 7) + R"(","instance_identifier":")" +
             id.substr(26) + R"(","material_type":")" + material + R"("}})";
    }
    const auto row = std::next(rows.begin(), static_cast<std::ptrdiff_t>(random_() % rows.size()));
    const std::string id = row->first;
    if (random_() % 2 == 0) {
      rows.erase(row);
      return R"({"op":"delete","id":")" + id + R"("})";
    }
    row->second = material;
    return R"({"op":"update","id":")" + id + R"(","set":{"material_type":")" + material + R"("}})";
  }

  Conversation program_;
  std::mt19937_64 random_;
  Uuid drawing_;
  Rows told_;
  std::optional<Rows> under_way_;
  bool was_acknowledged_ = false;
  std::atomic<std::uint64_t> acknowledged_ = 0;
};

Rows rows_of(const ReadTxn& snapshot, const Uuid& drawing) {
  Rows rows;
  for (const ComponentView& component : snapshot.in_drawing(drawing)) {
    rows[component.id().to_string()] = std::string(component.material_type().value_or(""));
  }
  return rows;
}

class KillLaboratory : public ::testing::Test {
 protected:
  KillLaboratory() {
    folder_.write("drawings.csv", "id\n" + kDrawingOfImport.to_string() + "\n");
    std::string text = "id,drawing_id,piece_mark,instance_identifier\n";
    for (int i = 0; i < kRowsOfImport; ++i) {
      text += Uuid::generate().to_string() + "," + kDrawingOfImport.to_string() + ",P" +
              std::to_string(i % 300) + "," + std::to_string(i / 300) + "\n";
    }
    folder_.write("components.csv", text);
    Store::create(file_);
    for (std::uint64_t i = 0; i < 1 + testing::torture_seed() % 3; ++i) {
      survivors_.push_back(std::make_unique<Actor>(file_, random_()));
    }
  }

  std::vector<std::string> words(std::vector<std::string> rest) const {
    rest.insert(rest.begin(), PIECEMARK_PROGRAM);
    return rest;
  }

  // Lets the survivors work while `during` happens, and until each has been acknowledged something after it.
  template <class During>
  void with_survivors(const During& during) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (const auto& survivor : survivors_) {
      threads.emplace_back([&, actor = survivor.get()] { actor->act(stop); });
    }
    during();
    if (is_upgrade_pending()) bring_back();  // Programs write the newest format alone.
    stop = true;
    for (std::thread& thread : threads) thread.join();
  }

  // A random instant of something that takes about so long.
  void wait_for_instant(std::chrono::microseconds longest) {
    std::this_thread::sleep_for(std::chrono::microseconds(
        std::uniform_int_distribution<std::int64_t>(0, longest.count() * 5 / 4)(random_)));
  }

  // Runs the verb and kills it.
  void kill_verb(const std::vector<std::string>& program) {
    const std::string& verb = program[1];
    auto& longest = longest_.try_emplace(verb, std::chrono::milliseconds(40)).first->second;
    const auto begun = Clock::now();
    Background running(program);
    wait_for_instant(longest);
    running.send(SIGKILL);
    const bool is_killed = running.wait() == 128 + SIGKILL;
    killed_ += is_killed ? 1U : 0U;
    // Those that come to their end say how long it takes.
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    longest = std::min<std::chrono::microseconds>(is_killed ? longest * 21 / 20 : std::min(longest, took),
                                                  std::chrono::milliseconds(500));
  }

  void kill_import() {
    with_survivors([&] {
      kill_verb(words({"import", file_, "--drawings", folder_.path("drawings.csv"), "--components",
                       folder_.path("components.csv")}));
    });
    Store store = open();
    const auto rows = rows_of(store.read(), kDrawingOfImport).size();
    EXPECT_TRUE(rows == 0 || rows == kRowsOfImport) << rows;
    WriteTxn txn = store.write();
    EXPECT_EQ(txn.erase_drawing(kDrawingOfImport), rows > 0);
    txn.commit();
  }

  void kill_migration() {
    with_survivors([&] {
      kill_verb(
          words({"downgrade", file_, "--to", random_() % 2 == 0 ? "1" : "2", "--on-conflict", "stash"}));
      if (is_upgrade_pending()) kill_verb(words({"upgrade", file_}));
    });
    EXPECT_EQ(open().info().stash_entries, 0U);
  }

  void kill_actor() {
    auto victim = std::make_unique<Actor>(file_, random_());
    with_survivors([&] {
      std::thread acting([&] {
        const std::atomic<bool> never = false;
        victim->act(never);
      });
      wait_for_instant(std::chrono::milliseconds(40));
      victim->send(SIGKILL);
      acting.join();
      killed_ += victim->wait() == 128 + SIGKILL ? 1U : 0U;
    });
    Store store = open();
    const Rows rows = rows_of(store.read(), victim->drawing());
    EXPECT_TRUE(victim->is_as_told(rows)) << rows.size() << " rows, not " << victim->expected();
    WriteTxn txn = store.write();
    EXPECT_TRUE(txn.erase_drawing(victim->drawing()));
    txn.commit();
  }

  void kill_copy() {
    const std::string copy = folder_.path("copy.pmk");
    with_survivors([&] { kill_verb(words({"upgrade", file_, "--output", copy})); });
    if (!fs::exists(copy)) return;
    EXPECT_TRUE(verify(Store::open(copy, {.read_only = true}).read()).is_clean());
    fs::remove(copy);
  }

  Store open() const { return Store::open(file_, {.busy_timeout_ms = kNextWriteWithinMs}); }
  bool is_upgrade_pending() const {
    return Store::open(file_, {.read_only = true}).info().format < known_formats().back().number;
  }
  void bring_back() const {
    Store store = Store::open(file_, {.write_older_format = true});
    EXPECT_TRUE(verify(store.read()).is_clean());
    migrate(store, known_formats().back().number);
  }

  void expect_nothing_lost() {
    const Store store = open();
    const ReadTxn snapshot = store.read();
    const Verification verification = verify(snapshot);
    ASSERT_TRUE(verification.is_clean()) << verification.problems.front();
    std::uint64_t rows_in_all = 0;
    for (const auto& survivor : survivors_) {
      const Rows rows = rows_of(snapshot, survivor->drawing());
      EXPECT_TRUE(survivor->is_as_told(rows)) << rows.size() << " rows, not " << survivor->expected();
      rows_in_all += rows.size();
    }
    EXPECT_EQ(snapshot.component_count(), rows_in_all);
  }

  std::uint64_t acknowledged() const {
    std::uint64_t sum = 0;
    for (const auto& survivor : survivors_) sum += survivor->acknowledged();
    return sum;
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path("site.pmk");
  std::mt19937_64 random_{testing::torture_seed()};
  std::vector<std::unique_ptr<Actor>> survivors_;
  std::map<std::string, std::chrono::microseconds> longest_;
  std::uint64_t killed_ = 0;
};

TEST_F(KillLaboratory, NothingAcknowledgedIsLost) {
  const std::uint64_t kills = testing::tries("kills", 24);
  const std::uint64_t rounds_max = 3 * kills;
  for (std::uint64_t round = 0; killed_ < kills && round < rounds_max; ++round) {
    SCOPED_TRACE(round);
    switch (round % 4) {
      case 0:
        kill_import();
        break;
      case 1:
        kill_migration();
        break;
      case 2:
        kill_actor();
        break;
      default:
        kill_copy();
    }
    expect_nothing_lost();
    if (HasFailure()) return;
  }
  EXPECT_GE(killed_, kills) << "too many came to their end before the signal";
  EXPECT_GT(acknowledged(), 0U);
  testing::report_torture("SIGKILL with " + std::to_string(survivors_.size()) + " survivors", killed_,
                          "0 violations, 0 of " + std::to_string(acknowledged()) +
                              " acknowledged transactions of the survivors lost");
}

}  // namespace
}  // namespace piecemark
