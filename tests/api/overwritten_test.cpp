// A file is overwritten in place while processes have it open: by a copy that was taken earlier, and may have been written
// elsewhere meanwhile. Every parity of commits before the copy, after it and in it; every way to have the file open. All
// processes are real, and so is what overwrites the file.
//
// PIECEMARK_TORTURE_OVERWRITTEN says how many cells of the table are tried; all of them from 100,000 on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "tests/api/site.h"
#include "tests/api/store_process.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

enum class Way { truncating, in_place };  // cp; rsync --inplace
enum class Openers { reader, writer, writer_then_reader, reader_then_writer, two_writers, both_in_one };
enum class Length { equal, copy_longer, copy_shorter };
enum class Middle { no, begun, begun_and_written };  // a write transaction, when the file is overwritten

constexpr const char* kOpenersNames[] = {"reader",         "writer",      "writer, reader",
                                         "reader, writer", "two writers", "both in one process"};
constexpr const char* kLengthNames[] = {"equal length", "copy longer", "copy shorter"};

struct Cell {
  int before = 1;     // commits before the copy was taken
  int after = 0;      // commits after it, while the file is open
  int elsewhere = 0;  // commits in the copy
  Way way = Way::truncating;
  Openers openers = Openers::writer;
  Length length = Length::equal;
  Middle middle = Middle::no;
  bool holds_snapshot = false;
  bool has_seen = true;  // every process has begun a transaction after the last commit
  // The copy was taken while the processes had the file open, and one of them had committed: it has the mark of their
  // commits, those after it too.
  bool is_copied_open = false;

  bool has_writer() const { return openers != Openers::reader; }
  bool is_possible() const {
    if (middle != Middle::no && !has_writer()) return false;
    if (length == Length::copy_longer) return elsewhere > 0;
    if (length == Length::copy_shorter) return after > 0;
    return true;
  }
  std::string to_string() const {
    return std::to_string(before) + " before, " + std::to_string(after) + " after, " +
           std::to_string(elsewhere) + " elsewhere, " + (way == Way::truncating ? "truncating" : "in place") +
           ", " + kOpenersNames[static_cast<int>(openers)] + ", " + kLengthNames[static_cast<int>(length)] +
           (middle == Middle::no      ? ""
            : middle == Middle::begun ? ", in a transaction"
                                      : ", in a transaction with rows") +
           (holds_snapshot ? ", snapshot open" : "") + (has_seen ? "" : ", last commit not seen") +
           (is_copied_open ? ", copied while open" : "");
  }
};

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (int before = 1; before <= 3; ++before)
    for (int after = 0; after <= 3; ++after)
      for (int elsewhere = 0; elsewhere <= 3; ++elsewhere)
        for (const Way way : {Way::truncating, Way::in_place})
          for (const Openers openers :
               {Openers::reader, Openers::writer, Openers::writer_then_reader, Openers::reader_then_writer,
                Openers::two_writers, Openers::both_in_one})
            for (const Length length : {Length::equal, Length::copy_longer, Length::copy_shorter})
              for (const Middle middle : {Middle::no, Middle::begun, Middle::begun_and_written})
                for (const bool holds_snapshot : {false, true})
                  for (const bool has_seen : {true, false})
                    for (const bool is_copied_open : {true, false}) {
                      const Cell cell{before, after,  elsewhere,      way,      openers,
                                      length, middle, holds_snapshot, has_seen, is_copied_open};
                      if (cell.is_possible()) cells.push_back(cell);
                    }
  return cells;
}

void overwrite(const std::string& path, const std::string& bytes, Way way) {
  const int file = ::open(path.c_str(), O_WRONLY | (way == Way::truncating ? O_TRUNC : 0));
  ASSERT_GE(file, 0);
  constexpr std::size_t kStep = 128 << 10;
  for (std::size_t at = 0; at < bytes.size(); at += kStep) {
    const std::size_t size = std::min(kStep, bytes.size() - at);
    ASSERT_EQ(::pwrite(file, bytes.data() + at, size, static_cast<off_t>(at)), static_cast<ssize_t>(size));
  }
  ASSERT_EQ(::ftruncate(file, static_cast<off_t>(bytes.size())), 0);
  ::close(file);
}

void commit_rows(Store& store, const std::string& mark, int rows) {
  WriteTxn txn = store.write();
  for (int i = 0; i < rows; ++i) txn.insert({.piece_mark = mark, .component_type = std::string(50, 't')});
  txn.commit();
}

constexpr std::uint64_t kEveryday = 1'500;
constexpr int kManyRows = 600;  // So many make the file longer than the free pages that it has.

class OverwrittenFile : public ::testing::Test {
 protected:
  // As it is restored.
  struct Copy {
    std::string bytes;
    std::string dump;
  };

  static void remove_store(const std::string& path) {
    std::filesystem::remove(path);
    std::filesystem::remove(path + "-lock");
  }

  // The file when the processes open it.
  const std::string& file_of(const Cell& cell) {
    std::string& file = files_[cell.before];
    if (!file.empty()) return file;
    const std::string path = folder_.path("made.pmk");
    {
      Store store = Store::create(path);
      // Free pages, so that small commits leave the length as it is.
      commit_rows(store, "F", kManyRows / 4);
      WriteTxn txn = store.write();
      for (const Component& component : txn.in_drawing(std::nullopt)) txn.erase(component.id);
      txn.commit();
      for (int i = 1; i <= cell.before; ++i) commit_rows(store, "B" + std::to_string(i), 1);
    }
    file = read_file(path);
    remove_store(path);
    return file;
  }

  // Of these bytes, after what is committed in it elsewhere.
  Copy copy_of(const std::string& file, const Cell& cell) const {
    const std::string path = folder_.write("made-elsewhere.pmk", file);
    Copy copy;
    {
      Store store = Store::open(path);
      for (int i = 1; i <= cell.elsewhere; ++i) {
        const bool is_large = cell.length == Length::copy_longer && i == cell.elsewhere;
        commit_rows(store, "E" + std::to_string(i), is_large ? kManyRows : 1);
      }
      copy.dump = dump(store);
    }
    copy.bytes = read_file(path);
    remove_store(path);
    return copy;
  }
  const Copy& known_copy_of(const Cell& cell) {
    Copy& copy = copies_[{cell.before, cell.elsewhere, cell.length == Length::copy_longer}];
    if (copy.bytes.empty()) copy = copy_of(file_of(cell), cell);
    return copy;
  }

  // A process as new, if the last one has ended.
  static StoreProcess& process(std::unique_ptr<StoreProcess>& which) {
    if (!which || which->pid() < 0) which = std::make_unique<StoreProcess>();
    return *which;
  }

  // Counts what has happened; what should not have happened fails the test, a few times with the cell it happened in.
  void count(const Cell& cell, const std::string& what) {
    ++outcomes_[{kOpenersNames[static_cast<int>(cell.openers)], what}];
  }
  void expect(bool is_right, const Cell& cell, const std::string& what, const std::string& found = {}) {
    if (is_right) return;
    is_cell_wrong_ = true;
    count(cell, "WRONG: " + what);
    constexpr unsigned kShown = 3;  // of each kind
    if (++wrong_[what] <= kShown)
      ADD_FAILURE() << what << ": " << cell.to_string() << "\n  " << found.substr(0, 300);
  }
  // For a command that has nothing to do with what is tested.
  static void require(StoreProcess& process, const std::string& command) {
    const std::string answer = process.ask(command);
    if (!answer.starts_with("ok")) throw std::runtime_error(command + ": " + answer);
  }

  // The answer of a process to what it does first after the file was overwritten. True if it went on.
  bool judge(const Cell& cell, const Copy& copy, const std::string& answer, bool may_go_on) {
    if (may_go_on && answer.starts_with("ok")) {
      count(cell, "goes on: the file holds what it had");
      return true;
    }
    const bool is_refused = answer.starts_with("reopen_needed");
    if (is_refused) count(cell, "reopen_needed");
    expect(is_refused, cell, answer.starts_with("ok") ? "went on" : answer.substr(0, answer.find(' ', 8)),
           answer);
    if (is_refused) expect(answer.find("overwritten") != std::string::npos, cell, "does not say why", answer);
    expect(read_file(path_) == copy.bytes, cell, "something was written");
    return false;
  }

  void try_cell(const Cell& cell) {
    remove_store(path_);
    folder_.write("site.pmk", file_of(cell));

    StoreProcess& first = process(first_);
    StoreProcess& second = process(second_);
    const bool is_reader_first =
        cell.openers == Openers::reader || cell.openers == Openers::reader_then_writer;
    const bool has_second = cell.openers == Openers::writer_then_reader ||
                            cell.openers == Openers::reader_then_writer ||
                            cell.openers == Openers::two_writers;
    const bool is_second_writer =
        cell.openers == Openers::reader_then_writer || cell.openers == Openers::two_writers;
    StoreProcess* const writer = !is_reader_first ? &first : is_second_writer ? &second : nullptr;
    require(first, (is_reader_first ? "open_reader " : "open_writer ") + path_);
    if (has_second) require(second, (is_second_writer ? "open_writer " : "open_reader ") + path_);
    // Before the last commits, so that it pins what they free.
    if (cell.holds_snapshot) {
      require(first, "hold");
      if (has_second) require(second, "hold");
    }
    StoreProcess& committing = writer != nullptr ? *writer : process(third_);
    if (writer == nullptr && (cell.after > 0 || cell.is_copied_open))
      require(committing, "open_writer " + path_);
    if (cell.is_copied_open) require(committing, "insert C");
    const Copy copy = cell.is_copied_open ? copy_of(read_file(path_), cell) : known_copy_of(cell);
    for (int i = 1; i <= cell.after; ++i) {
      const bool is_large = cell.length == Length::copy_shorter && i == cell.after;
      require(committing, "insert A" + std::to_string(i) + (is_large ? " " + std::to_string(kManyRows) : ""));
    }
    if (writer == nullptr && (cell.after > 0 || cell.is_copied_open)) require(committing, "close");
    if (cell.has_seen) {
      require(first, "read");
      if (has_second) require(second, "read");
    }
    if (cell.middle != Middle::no) {
      require(*writer, "begin");
      if (cell.middle == Middle::begun_and_written) require(*writer, "add T 3");
    }

    const std::string present = read_file(path_);
    const bool is_equal = present == copy.bytes;
    ++lengths_[present.size() == copy.bytes.size()  ? "equal"
               : present.size() < copy.bytes.size() ? "longer"
                                                    : "shorter"];
    overwrite(path_, copy.bytes, cell.way);

    bool is_written = false;
    const auto go_on = [&](StoreProcess& which, bool is_writer) {
      if (is_writer && cell.middle != Middle::no && &which == writer) {
        // What it does next in the transaction may be refused, or the commit.
        std::string answer = which.ask("add U");
        if (answer == "ok")
          answer = which.ask("commit");
        else
          which.ask("rollback");
        is_written = judge(cell, copy, answer, is_equal) || is_written;
      } else if (!is_writer || cell.openers == Openers::both_in_one) {
        judge(cell, copy, which.ask("read"), is_equal);
      }
      if (is_writer) is_written = judge(cell, copy, which.ask("insert W"), is_equal) || is_written;
    };
    go_on(first, !is_reader_first);
    if (has_second) go_on(second, is_second_writer);
    // Once more: they do not forget it.
    judge(cell, copy, first.ask("read"), is_equal);
    if (has_second) judge(cell, copy, second.ask("read"), is_equal);
    if (is_cell_wrong_) return;

    require(first, "close");
    if (has_second) require(second, "close");
    expect(is_written || read_file(path_) == copy.bytes, cell, "closing has written");

    // All have closed it.
    const auto expect_clean = [&](const Store& store) {
      const Verification found = verify(store.read());
      expect(found.is_clean(), cell, "verify complains", found.is_clean() ? "" : found.problems.front());
      verify_pages(store);
    };
    {
      Store store = Store::open(path_);
      if (!is_written)
        expect(dump(store) == copy.dump, cell, "reopened, it holds something else", dump(store));
      expect_clean(store);
    }
    require(first, "open_writer " + path_);
    require(first, "insert Z1");
    require(second, "open_writer " + path_);
    require(second, "insert Z2");
    const std::string read = first.ask("read");
    expect(read.ends_with(" Z1 Z2"), cell, "commits after reopening are gone", read);
    require(first, "close");
    require(second, "close");
    const Store store = Store::open(path_, {.read_only = true});
    if (!is_written)
      expect(marks_of(store) == marks_in(copy.dump) + " Z1 Z2", cell, "rows are gone", marks_of(store));
    expect_clean(store);
  }

  static std::string marks_of(const Store& store) {
    std::vector<std::string> marks;
    const ReadTxn snapshot = store.read();
    for (const ComponentView& component : snapshot.scan()) marks.emplace_back(component.piece_mark());
    std::sort(marks.begin(), marks.end());
    std::string text = "ok";
    for (const std::string& mark : marks) text += " " + mark;
    return text;
  }
  // The same of what dump() has told.
  static std::string marks_in(const std::string& dump) {
    const std::string name = "\"piece_mark\":\"";
    std::vector<std::string> marks;
    for (auto at = dump.find(name); at != std::string::npos; at = dump.find(name, at + 1)) {
      const auto begin = at + name.size();
      marks.push_back(dump.substr(begin, dump.find('"', begin) - begin));
    }
    std::sort(marks.begin(), marks.end());
    std::string text = "ok";
    for (const std::string& mark : marks) text += " " + mark;
    return text;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path("site.pmk");
  std::map<int, std::string> files_;                   // by commits before
  std::map<std::tuple<int, int, bool>, Copy> copies_;  // that were taken before the file was opened
  std::unique_ptr<StoreProcess> first_;
  std::unique_ptr<StoreProcess> second_;
  std::unique_ptr<StoreProcess> third_;
  std::map<std::pair<std::string, std::string>, unsigned> outcomes_;
  std::map<std::string, unsigned> wrong_;
  bool is_cell_wrong_ = false;
  std::map<std::string, unsigned> lengths_;
};

TEST_F(OverwrittenFile, IsNoticedByAllWhoHaveItOpenBeforeAnythingIsWritten) {
  std::vector<Cell> cells = all_cells();
  const std::size_t in_all = cells.size();
  std::mt19937_64 random(torture_seed());
  std::shuffle(cells.begin(), cells.end(), random);
  cells.resize(std::min<std::size_t>(cells.size(), tries("overwritten", kEveryday)));

  std::map<std::tuple<int, int, int>, unsigned> parities;
  std::size_t tried = 0;
  for (const Cell& cell : cells) {
    ++tried;
    ++parities[{cell.before, cell.after, cell.elsewhere}];
    is_cell_wrong_ = false;
    try {
      try_cell(cell);
    } catch (const std::exception& error) {
      expect(false, cell, "failed", error.what());
    }
    if (!is_cell_wrong_) continue;
    // The next cell begins with processes of its own.
    first_.reset();
    second_.reset();
    third_.reset();
  }

  std::printf("%zu of %zu cells of the table; lengths of the copy: %u equal, %u longer, %u shorter\n",
              cells.size(), in_all, lengths_["equal"], lengths_["longer"], lengths_["shorter"]);
  std::string outcome;
  for (const auto& [which, count] : outcomes_) {
    std::printf("  %-20s %-50s %6u\n", which.first.c_str(), which.second.c_str(), count);
    outcome +=
        (outcome.empty() ? "" : "; ") + which.first + ": " + which.second + " " + std::to_string(count);
  }
  report_torture("overwritten", cells.size(), outcome);
  EXPECT_EQ(tried, std::min<std::uint64_t>(in_all, tries("overwritten", kEveryday)));
  EXPECT_EQ(parities.size(), 3U * 4 * 4) << "every parity of commits before, after and elsewhere";
  for (const char* length : {"equal", "longer", "shorter"})
    EXPECT_GT(lengths_[length], cells.size() / 20) << length;
  unsigned gone_on = 0;
  for (const char* openers : kOpenersNames) {
    const unsigned refused = outcomes_[{openers, "reopen_needed"}];
    EXPECT_GT(refused, cells.size() / 20) << openers;
    gone_on += outcomes_[{openers, "goes on: the file holds what it had"}];
  }
  EXPECT_GT(gone_on, 0U) << "equal content";
}

// What leaves little to tell a foreign file by: each came to be taken for the file that a process had open.
class ForeignFile : public ::testing::Test {
 protected:
  // With as many commits as the other, and other rows.
  ForeignFile() {
    make(path_, "F", 0);
    make(foreign_, "O", 0);
  }

  void make(const std::string& path, const std::string& mark, int more_commits) {
    std::filesystem::remove(path);
    Store store = Store::create(path);
    for (int i = 0; i <= more_commits; ++i) commit_rows(store, mark, 1);
  }

  static void expect_done(StoreProcess& process, std::initializer_list<std::string> commands) {
    for (const std::string& command : commands) EXPECT_EQ(process.ask(command), "ok") << command;
  }

  // Every process is refused, whatever it does first, and nothing is written.
  void expect_noticed(std::initializer_list<StoreProcess*> processes, const std::string& where) const {
    const std::string before = read_file(path_);
    for (StoreProcess* process : processes) {
      EXPECT_TRUE(process->ask("insert Z").starts_with("reopen_needed")) << where;
      EXPECT_TRUE(process->ask("read").starts_with("reopen_needed")) << where;
    }
    EXPECT_EQ(read_file(path_), before) << where;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path("site.pmk");
  const std::string foreign_ = folder_.path("foreign.pmk");
};

TEST_F(ForeignFile, IsNoticedWhereNobodyHasCommittedYet) {
  for (const char* how : {"open_reader ", "open_writer "}) {
    make(path_, "F", 0);
    StoreProcess idle;
    EXPECT_EQ(idle.ask(how + path_), "ok");
    EXPECT_EQ(idle.ask("read"), "ok F");
    overwrite(path_, read_file(foreign_), Way::in_place);
    // Whoever comes new does not make it the file of all, and says who has the other one open.
    StoreProcess next;
    EXPECT_TRUE(next.ask("open_writer " + path_).starts_with("unsafe_lock_file")) << how;
    EXPECT_TRUE(idle.ask("read").starts_with("reopen_needed")) << how;
    EXPECT_EQ(read_file(path_), read_file(foreign_)) << how;
  }
}

TEST_F(ForeignFile, IsNoticedWhereTheMapHasToGrowForIt) {
  {
    Store large = Store::open(foreign_);
    commit_rows(large, "O", 10'000);
  }
  make(path_, "F", 1);
  StoreProcess process;
  EXPECT_EQ(process.ask("open_writer " + path_), "ok");
  overwrite(path_, read_file(foreign_), Way::in_place);
  expect_noticed({&process}, "larger");
}

// LMDB takes the number of the last commit from whatever file is there when it recovers the mutex of a killed writer.
TEST_F(ForeignFile, IsNoticedAfterAWriterWasKilled) {
  for (const int commits_more : {0, 1, 2, 5}) {
    for (const char* stage : {"begin", "add X 3", "commit"}) {
      make(path_, "F", 1);
      make(foreign_, "O", commits_more);
      StoreProcess survivor;
      StoreProcess killed;
      expect_done(survivor, {"open_writer " + path_});
      expect_done(killed, {"open_writer " + path_, "insert A", "begin"});
      if (stage != std::string("begin")) expect_done(killed, {"add X 3"});
      if (stage == std::string("commit")) {
        killed.tell("commit");  // At any point of it.
        ::usleep(static_cast<useconds_t>(50 * commits_more));
      }
      killed.kill();
      overwrite(path_, read_file(foreign_), Way::in_place);
      expect_noticed({&survivor}, std::to_string(commits_more) + " " + stage);
    }
  }
}

TEST_F(ForeignFile, IsNoticedAfterACommitWithoutChanges) {
  StoreProcess writer;
  StoreProcess reader;
  expect_done(writer, {"open_writer " + path_});
  expect_done(reader, {"open_reader " + path_});
  expect_done(writer, {"insert A"});
  EXPECT_EQ(reader.ask("read"), "ok A F");
  std::filesystem::copy_file(path_, folder_.path("copy.pmk"));
  {
    Store copy = Store::open(folder_.path("copy.pmk"));
    commit_rows(copy, "E", 1);
  }
  expect_done(writer, {"begin", "commit"});
  overwrite(path_, read_file(folder_.path("copy.pmk")), Way::in_place);
  EXPECT_TRUE(reader.ask("read").starts_with("reopen_needed"));
  expect_noticed({&writer}, "empty commit");
}

// As while a copy is being written: the beginning is of one file, and the rest of another.
TEST_F(ForeignFile, IsNoticedByItsMetaPages) {
  constexpr std::size_t kMetaPages = 2 * 4096;
  for (const bool has_seen : {false, true}) {
    for (const int commits : {1, 2, 3}) {
      make(path_, "F", 0);
      StoreProcess writer;
      expect_done(writer, {"open_writer " + path_, "insert A"});
      const std::string copy = folder_.write("copy.pmk", read_file(path_));
      for (int i = 0; i < commits; ++i) expect_done(writer, {"insert B 3"});
      {
        Store store = Store::open(copy);
        for (int i = 0; i < commits; ++i) commit_rows(store, "E", 50);
      }
      if (has_seen) {
        EXPECT_TRUE(writer.ask("read").starts_with("ok"));
      }
      overwrite(path_, read_file(copy).substr(0, kMetaPages) + read_file(path_).substr(kMetaPages),
                Way::in_place);
      expect_noticed({&writer}, std::to_string(commits));
    }
  }
}

TEST_F(ForeignFile, IsNoticedThoughTheLockFileWasRestoredWithIt) {
  StoreProcess first;
  StoreProcess second;
  for (StoreProcess* process : {&first, &second}) expect_done(*process, {"open_writer " + path_});
  expect_done(first, {"insert A"});
  EXPECT_EQ(second.ask("read"), "ok A F");
  const std::string file = read_file(path_);
  std::filesystem::copy_file(path_ + "-lock", folder_.path("lock"));
  expect_done(first, {"insert B", "insert C"});
  EXPECT_EQ(second.ask("read"), "ok A B C F");
  overwrite(path_, file, Way::in_place);
  overwrite(path_ + "-lock", read_file(folder_.path("lock")), Way::in_place);
  expect_noticed({&first, &second}, "with its lock file");
}

}  // namespace
}  // namespace piecemark::testing
