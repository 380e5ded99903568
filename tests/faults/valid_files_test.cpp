// Files that the library has written itself pass the check of their pages after every commit: one that was refused would
// be a file that its owner cannot open.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <random>

#include "engine/page_check.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

const OpenOptions kOpen{.write_older_format = true, .map_size_bytes = std::uint64_t{1} << 30};

// A store that lives through random work, with readers that hold on to old pages for a while.
class Life {
 public:
  Life(const std::string& path, std::uint64_t seed)
      : random_(seed),
        store_(Store::create(
            path, {.format = static_cast<std::uint32_t>(1 + below(3)), .nulls_not_distinct = below(4) == 0},
            kOpen)) {}

  void commit_something() {
    if (below(5) == 0) readers_.push_back(store_.read());
    if (readers_.size() > 3 || (!readers_.empty() && below(8) == 0)) readers_.pop_front();
    switch (below(16)) {
      case 0:
        migrate(store_, static_cast<std::uint32_t>(1 + below(3)), {.on_loss = OnLoss::stash});
        return;
      case 1:
        drop_stash(store_, below(2) == 0 ? DropStash::everything : DropStash::left_over);
        return;
      case 2:
        store_.compact();
        return;
      default:
        change();
    }
  }
  const Store& store() const { return store_; }
  // What a migration into a new file gives.
  void copy_to(const std::string& path) {
    migrate_into(path, store_, static_cast<std::uint32_t>(1 + below(3)), {.on_loss = OnLoss::stash});
  }

 private:
  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
  }

  void change() {
    constexpr std::uint64_t kOperationsMax = 60;
    WriteTxn transaction = store_.write();
    const std::uint64_t many = below(12) == 0 ? 600 : 1 + below(kOperationsMax);
    for (std::uint64_t i = 0; i < many; ++i) {
      try {
        operate(transaction);
      } catch (const ConstraintViolation&) {  // A row in the way is no matter here.
      }
    }
    if (below(10) != 0) transaction.commit();
  }

  void operate(WriteTxn& transaction) {
    const std::uint64_t choice = below(20);
    if (drawings_.empty() || choice == 0) {
      drawings_.push_back(transaction.insert_drawing({.name = std::string(below(200), 'd')}));
    } else if (choice == 1) {
      transaction.erase_drawing(take(drawings_));
    } else if (choice < 6 && !ids_.empty()) {
      transaction.erase(take(ids_));
    } else if (choice < 10 && !ids_.empty()) {
      transaction.update(ids_[below(ids_.size())], {.bounding_box = box(), .updated_at = Timestamp{1}});
    } else {
      ids_.push_back(transaction.insert({.drawing_id = drawings_[below(drawings_.size())],
                                         .piece_mark = "G" + std::to_string(below(3000)),
                                         .material_type = std::string(below(100), 'm'),
                                         .bounding_box = box()}));
    }
  }
  // Mostly small; some on overflow pages, at times smaller than before in the same transaction.
  std::string box() {
    const std::uint64_t size = below(30) == 0 ? below(60'000) : below(20) == 0 ? below(5000) : below(60);
    return "\"" + std::string(size, 'b') + "\"";
  }
  Uuid take(std::vector<Uuid>& from) {
    std::swap(from[below(from.size())], from.back());
    const Uuid taken = from.back();
    from.pop_back();
    return taken;
  }

  std::mt19937_64 random_;
  Store store_;
  std::deque<ReadTxn> readers_;
  std::vector<Uuid> drawings_;
  std::vector<Uuid> ids_;
};

std::string damage_of(const std::string& path) {
  engine::os::File file;
  if (engine::os::open_file(path, engine::os::Access::read, file)) return "cannot be opened";
  const auto damage = engine::check_pages(file);
  return damage ? "page " + std::to_string(damage->page) + ": " + damage->reason : "sound";
}

TEST(ValidFiles, PassTheCheckAfterEveryCommit) {
  constexpr std::uint64_t kCommitsOfALife = 100;
  const std::uint64_t checks = tries("valid_files", 600);
  std::uint64_t done = 0;
  for (std::uint64_t life_number = 0; done < checks; ++life_number) {
    const TemporaryFolder folder;
    const std::uint64_t seed = torture_seed() * 1'000'003 + life_number;
    Life life(folder.path("store.pmk"), seed);
    for (std::uint64_t i = 0; i < kCommitsOfALife && done < checks; ++i, ++done) {
      life.commit_something();
      ASSERT_EQ(damage_of(life.store().path()), "sound") << "seed " << seed << ", commit " << i;
    }
    life.copy_to(folder.path("copy.pmk"));
    ASSERT_EQ(damage_of(folder.path("copy.pmk")), "sound") << "copy, seed " << seed;
    life.store().backup(folder.path("backup.pmk"));
    ASSERT_EQ(damage_of(folder.path("backup.pmk")), "sound") << "backup, seed " << seed;
    ASSERT_TRUE(verify(life.store().read()).is_clean()) << "seed " << seed;
    ++done;
  }
  report_torture("valid_files", done, "0 refused");
}

}  // namespace
}  // namespace piecemark::testing
