// Compaction: what stays, what is given back, and what those see who have the file open. What happens among many
// processes, and when one is killed, is in tests/cli/compaction_test.cpp.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "engine/commit_notes.h"
#include "engine/environment.h"
#include "engine/record.h"
#include "index/tables.h"
#include "tests/api/site.h"
#include "tests/support/store_state.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

ino_t inode_of(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

std::set<std::string> names_beside(const std::string& path) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(path).parent_path()))
    names.insert(entry.path().filename());
  return names;
}

// Files without a name that this process keeps open or mapped.
int deleted_files_in_use() {
  int count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) count += line.ends_with(".pmk (deleted)") ? 1 : 0;
  return count;
}

std::shared_ptr<engine::Environment> open_environment(const std::string& path) {
  return engine::Environment::open(path, index::kTables, {});
}

// Bytes of keys and values in all tables.
std::uint64_t live_bytes(const std::string& path) {
  const auto environment = open_environment(path);
  const engine::ReadTransaction transaction = environment->begin_read();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < index::kTables.size(); ++i) {
    engine::Cursor cursor(transaction, environment->table(i));
    for (bool found = cursor.first(); found; found = cursor.next())
      bytes += cursor.key().size() + cursor.value().size();
  }
  return bytes;
}

// As a compaction does before it gives the new file its name.
void note_replacement(const std::string& path) {
  const auto environment = open_environment(path);
  engine::WriteTransaction transaction = environment->begin_write();
  const engine::Table meta = index::table(*environment, index::TableId::meta);
  std::string record;
  engine::encode_record({meta.name, engine::kReplacedKey}, Timestamp::now(), 0, record);
  transaction.put(meta, engine::kReplacedKey, record);
  transaction.commit();
}

bool has_note(const std::string& path) {
  const auto environment = open_environment(path);
  return environment->begin_read()
      .get(index::table(*environment, index::TableId::meta), engine::kReplacedKey)
      .has_value();
}

TEST(Compaction, KeepsAllThatAFileOfEveryFormatHolds) {
  int files = 0;
  for (const auto& fixture : fs::directory_iterator(fs::path(PIECEMARK_SOURCE_DIR) / "tests/fixtures")) {
    if (fixture.path().extension() != ".pmk") continue;
    SCOPED_TRACE(fixture.path().filename());
    ++files;
    const TemporaryFolder folder;
    const std::string path = folder.path("site.pmk");
    fs::copy_file(fixture, path);
    fs::permissions(path, fs::perms(0640));
    std::string before;
    StoreInfo info;
    ContentFingerprint content;
    {
      Store store = Store::open(path);
      before = state_of_store(store);
      info = store.info();
      content = fingerprint(store.read(), columns_of_format(info.format));
      store.compact();
      EXPECT_EQ(state_of_store(store), before) << "as the store sees it that was open";
    }
    const Store store = Store::open(path);
    EXPECT_EQ(state_of_store(store), before);
    EXPECT_EQ(fingerprint(store.read(), columns_of_format(info.format)), content);
    EXPECT_EQ(store.info().created_at, info.created_at);
    EXPECT_EQ(store.info().migrated_at, info.migrated_at);
    EXPECT_EQ(store.info().nulls_not_distinct, info.nulls_not_distinct);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
    EXPECT_EQ(names_beside(path), (std::set<std::string>{"site.pmk", "site.pmk-lock"}));
  }
  EXPECT_GE(files, 7);
}

TEST(Compaction, LeavesAFileAsLargeAsItsContent) {
  for (const std::uint32_t format : {1U, 2U, 3U}) {
    SCOPED_TRACE(format);
    constexpr unsigned kRows = 20'000;
    Site site({.format = format}, {.write_older_format = true});
    std::mt19937 random(1);
    std::vector<unsigned> numbers(kRows);
    for (unsigned i = 0; i < kRows; ++i) numbers[i] = i;
    std::shuffle(numbers.begin(), numbers.end(), random);
    site.write([&](WriteTxn& txn) {
      for (const unsigned i : numbers) {
        Component component = girder(i, "G" + std::to_string(i));
        component.material_type = std::to_string(i) + " of S355JR";
        txn.insert(component);
      }
    });
    std::shuffle(numbers.begin(), numbers.end(), random);
    site.write([&](WriteTxn& txn) {
      for (unsigned i = 0; i < kRows * 3 / 4; ++i) txn.erase(numbered(numbers[i]));
    });
    const std::uint64_t before = fs::file_size(site.path);
    const std::string content = dump(site.store);
    const Compaction done = site.store.compact();
    EXPECT_EQ(dump(site.store), content);
    EXPECT_EQ(done.bytes_before, before);
    EXPECT_EQ(done.bytes_after, fs::file_size(site.path));
    EXPECT_LT(done.bytes_after, before / 2);
    // Whatever is in them: two pages at the beginning, a root for each table, and the list of tables.
    constexpr std::uint64_t kEmptyBytes = (2 + index::kTables.size() + 1) * 4096;
    const std::uint64_t live = live_bytes(site.path);
    EXPECT_LE(done.bytes_after - kEmptyBytes, live + live / 5) << "live " << live;
  }
}

TEST(Compaction, IsSeenByTheNextTransactionAndNotByThoseThatAreOpen) {
  Site site;
  site.insert(girder(1, "G1"), girder(2, "G2"));
  Store other = Store::open(site.path);
  Store reader = Store::open(site.path, {.read_only = true});
  const std::string before = dump(site.store);
  std::optional<ReadTxn> snapshot = site.store.read();
  std::optional<ReadTxn> of_other = other.read();
  const ino_t inode = inode_of(site.path);

  other.compact();
  EXPECT_NE(inode_of(site.path), inode);
  EXPECT_EQ(dump(*snapshot), before);
  site.insert(girder(3, "G3"));
  EXPECT_EQ(dump(*snapshot), before);
  EXPECT_EQ(dump(*of_other), before);
  EXPECT_EQ(briefly(other), "G1 - #1, G2 - #2, G3 - #3");
  EXPECT_EQ(briefly(reader), "G1 - #1, G2 - #2, G3 - #3");
  EXPECT_GT(deleted_files_in_use(), 0) << "the open snapshots need it";
  snapshot.reset();
  of_other.reset();
  EXPECT_EQ(deleted_files_in_use(), 0) << "the room of the old file is given back";
}

TEST(Compaction, CanBeRepeatedBetweenOtherWork) {
  Site site;
  std::string expected;
  for (unsigned i = 1; i <= 5; ++i) {
    site.insert(girder(i, "G" + std::to_string(i)));
    expected += (i == 1 ? "G" : ", G") + std::to_string(i) + " - #" + std::to_string(i);
    site.store.compact();
    EXPECT_EQ(briefly(site.store), expected);
  }
  migrate(site.store, 1, {.on_loss = OnLoss::stash});
  site.store.compact();
  EXPECT_EQ(migrate(site.store, 3)->number, 2U);
  EXPECT_EQ(briefly(site.store), expected);
  EXPECT_TRUE(verify(site.store.read()).is_as_migrated);
}

TEST(Compaction, WaitsForTheWriterAndSaysWhoItIs) {
  Site site({}, {.busy_timeout_ms = 30});
  const WriteTxn writing = site.store.write();
  EXPECT_EQ(error_of([&] { site.store.compact(); }), ErrorCode::busy) << "of the same thread";
  std::thread([&] { EXPECT_EQ(error_of([&] { site.store.compact(); }), ErrorCode::busy); }).join();
  Store reader = Store::open(site.path, {.read_only = true});
  EXPECT_EQ(error_of([&] { reader.compact(); }), ErrorCode::read_only);
}

TEST(Compaction, OfADamagedFileIsRefusedAndLeavesIt) {
  const TemporaryFolder folder;
  const std::string path = folder.path("site.pmk");
  create_damaged(path);
  const std::string bytes = read_file(path);
  const ino_t inode = inode_of(path);
  Store store = Store::open(path);
  EXPECT_EQ(error_of([&] { store.compact(); }), ErrorCode::corrupt_record);
  EXPECT_EQ(read_file(path), bytes);
  EXPECT_EQ(inode_of(path), inode);
  EXPECT_EQ(names_beside(path), (std::set<std::string>{"site.pmk", "site.pmk-lock"}));
}

TEST(Compaction, RemovesWhatAKilledOneHasLeft) {
  Site site;
  site.folder.write("site.pmk.new-01a20283-6674-73a3-aa7f-f777f6b7bdea", "half a file");
  site.store.compact();
  EXPECT_EQ(names_beside(site.path), (std::set<std::string>{"site.pmk", "site.pmk-lock"}));
}

// A process that has a store open, and says what it sees in it when it is asked.
class Survivor {
 public:
  explicit Survivor(const std::string& path) {
    EXPECT_EQ(::pipe(questions_.data()), 0);
    EXPECT_EQ(::pipe(answers_.data()), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    try {
      Store store = Store::open(path);
      std::optional<ReadTxn> snapshot = store.read();
      for (char question = 0; ::read(questions_[0], &question, 1) == 1;) {
        if (question == 'w') {
          WriteTxn txn = store.write();
          txn.insert(girder(77, "G77", {}, std::nullopt));
          txn.commit();
        }
        std::string answer = question == 's' ? briefly(snapshot->sorted()) : briefly(store);
        answer += '\n';
        if (::write(answers_[1], answer.data(), answer.size()) < 0) break;
      }
    } catch (const std::exception& error) {
      const std::string answer = std::string(error.what()).substr(0, 80) + "\n";
      if (::write(answers_[1], answer.data(), answer.size()) < 0) ::_exit(1);
    }
    ::_exit(0);
  }
  ~Survivor() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    for (const int end : {questions_[0], questions_[1], answers_[0], answers_[1]}) ::close(end);
  }
  Survivor(const Survivor&) = delete;
  Survivor& operator=(const Survivor&) = delete;

  // s: the snapshot that it began with; n: a new one; w: that, after it has written "G77"
  std::string ask(char question) {
    EXPECT_EQ(::write(questions_[1], &question, 1), 1);
    std::string answer;
    for (char c = 0; ::read(answers_[0], &c, 1) == 1 && c != '\n';) answer += c;
    return answer;
  }

 private:
  std::array<int, 2> questions_{};
  std::array<int, 2> answers_{};
  pid_t pid_ = -1;
};

class CompactionAmongProcessesTest : public ::testing::Test {
 protected:
  CompactionAmongProcessesTest() { insert(1); }

  void insert(unsigned number) const {
    Store store = fs::exists(path_) ? Store::open(path_) : Store::create(path_);
    WriteTxn txn = store.write();
    txn.insert(girder(number, "G" + std::to_string(number), {}, std::nullopt));
    txn.commit();
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("site.pmk");
};

TEST_F(CompactionAmongProcessesTest, IsSeenByTheNextTransactionOfEach) {
  Survivor reader(path_);
  Survivor writer(path_);
  EXPECT_EQ(reader.ask('n'), "G1 - #1");
  EXPECT_EQ(writer.ask('n'), "G1 - #1");
  const ino_t lock_file = inode_of(path_ + "-lock");
  Store::open(path_).compact();
  insert(2);
  EXPECT_NE(inode_of(path_ + "-lock"), lock_file) << "no two files share a table of readers";
  EXPECT_EQ(reader.ask('s'), "G1 - #1");
  EXPECT_EQ(writer.ask('w'), "G1 - #1, G2 - #2, G77 - #77");
  EXPECT_EQ(reader.ask('n'), "G1 - #1, G2 - #2, G77 - #77");
  EXPECT_EQ(reader.ask('s'), "G1 - #1");
  EXPECT_EQ(briefly(Store::open(path_)), "G1 - #1, G2 - #2, G77 - #77");
}

// A compaction was killed after it had noted that the file is replaced, and before it was.
TEST_F(CompactionAmongProcessesTest, ThatNeverHappenedIsForgottenByTheNextCommit) {
  note_replacement(path_);
  {
    Store store = Store::open(path_);
    EXPECT_EQ(briefly(store), "G1 - #1");
    const WriteTxn given_up = store.write();
  }
  EXPECT_TRUE(has_note(path_));
  EXPECT_TRUE(verify(Store::open(path_).read()).is_clean());
  insert(2);
  EXPECT_FALSE(has_note(path_));
  EXPECT_EQ(briefly(Store::open(path_)), "G1 - #1, G2 - #2");
}

// A compaction was killed after the new file had got its name: the lock file beside it is still that of the old one.
TEST_F(CompactionAmongProcessesTest, ThatWasKilledIsFinishedByWhoeverOpensTheFile) {
  for (const bool has_lock_file : {true, false}) {
    Survivor survivor(path_);
    EXPECT_EQ(survivor.ask('n').substr(0, 7), "G1 - #1");
    const std::string temporary = path_ + ".new-01a20283-6674-73a3-aa7f-f777f6b7bdea";
    Store::open(path_).backup(temporary);
    note_replacement(path_);
    const ino_t lock_file = inode_of(path_ + "-lock");
    fs::create_hard_link(temporary, folder_.path("second"));
    fs::rename(folder_.path("second"), path_);
    if (!has_lock_file) fs::remove(path_ + "-lock");

    insert(has_lock_file ? 2 : 3);
    EXPECT_FALSE(fs::exists(temporary));
    EXPECT_NE(inode_of(path_ + "-lock"), lock_file);
    const std::string now = briefly(Store::open(path_));
    EXPECT_EQ(now, has_lock_file ? "G1 - #1, G2 - #2" : "G1 - #1, G2 - #2, G3 - #3");
    EXPECT_EQ(survivor.ask('n'), now);
  }
}

TEST_F(CompactionAmongProcessesTest, IsNotMistakenForAHardLink) {
  fs::create_hard_link(path_, folder_.path("site.pmk.new-2026"));
  EXPECT_EQ(error_of([&] { Store::open(path_); }), ErrorCode::unsafe_lock_file);
}

}  // namespace
}  // namespace piecemark::testing
