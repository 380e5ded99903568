// Damaged and forged files of every format, each opened, read by every route, written, verified and migrated by a process
// of its own: it ends with answers that are right, with those of an earlier commit, or with an error. Never by a signal,
// never late, and never with another row.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <new>
#include <thread>

#include "mutation.h"
#include "questions.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

// --- Files to damage

struct Sample {
  std::string name;
  std::string bytes;
  Anatomy anatomy;
  Questions questions;
  Answers answers;
  std::optional<Answers> earlier_answers;
};

const OpenOptions kOpen{.write_older_format = true, .map_size_bytes = 1 << 28};

void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::optional<Answers> answers_of(const std::string& bytes, const Questions& questions) {
  const TemporaryFolder folder;
  try {
    return ask(Store::open(folder.write("store.pmk", bytes), kOpen), questions);
  } catch (const Error&) {
    return std::nullopt;
  }
}

Sample sample(std::string name, std::string bytes) {
  Anatomy anatomy(bytes);
  const TemporaryFolder folder;
  Questions questions = questions_about(Store::open(folder.write("store.pmk", bytes), kOpen).read());
  std::optional<Answers> answers = answers_of(bytes, questions);
  std::optional<Answers> earlier = answers_of(one_commit_earlier(bytes, anatomy), questions);
  return {std::move(name),      std::move(bytes),    std::move(anatomy),
          std::move(questions), std::move(*answers), std::move(earlier)};
}

void migrate_or_stash(Store& store, std::uint32_t format) {
  migrate(store, format, {.on_loss = OnLoss::stash});
}

// A store with a history: trees of several levels, overflow pages, a free list of several entries because a reader held
// on to what was freed, a stash and receipts.
std::string worked_bytes(std::uint32_t format, bool nulls_not_distinct) {
  constexpr int kDrawings = 4;
  constexpr int kRows = 90;
  const TemporaryFolder folder;
  const std::string path = folder.path("store.pmk");
  {
    Store store = Store::create(path, {.nulls_not_distinct = nulls_not_distinct}, kOpen);
    std::vector<Uuid> drawings;
    for (int i = 0; i < kDrawings; ++i) {
      WriteTxn transaction = store.write();
      drawings.push_back(transaction.insert_drawing({.name = "S-" + std::to_string(i)}));
      for (int row = 0; row < kRows; ++row) {
        Component component{.drawing_id = drawings.back(),
                            .piece_mark = "G" + std::to_string(row / 3),
                            .instance_identifier = std::to_string(row % 3),
                            .material_type = "S355JR",
                            .location_x = 1.5 * row};
        if (row % 40 == 7)
          component.bounding_box = "[" + std::string(3000 + 100 * static_cast<unsigned>(row), '1') + "]";
        transaction.insert(component);
      }
      transaction.commit();
    }
    migrate_or_stash(store, 1);
    migrate_or_stash(store, 2);
    if (format != 2) migrate_or_stash(store, format);
    const ReadTxn holding = store.read();
    for (int i = 0; i < 6; ++i) {
      WriteTxn transaction = store.write();
      for (const Component& component :
           transaction.in_drawing(drawings[static_cast<unsigned>(i % kDrawings)])) {
        if (component.quantity == 1 && std::hash<std::string>{}(component.piece_mark) % 5 == 0)
          transaction.erase(component.id);
      }
      transaction.insert({.drawing_id = drawings[0], .piece_mark = "late " + std::to_string(i)});
      transaction.commit();
    }
  }
  return read_file(path);
}

std::string compact_bytes(std::uint32_t format) {
  const TemporaryFolder folder;
  const Store store = Store::open(folder.write("store.pmk", worked_bytes(format, false)), kOpen);
  migrate_into(folder.path("compact.pmk"), store, format);
  return read_file(folder.path("compact.pmk"));
}

std::vector<Sample> samples() {
  std::vector<Sample> all;
  std::vector<fs::path> fixtures;
  for (const auto& entry : fs::directory_iterator(PIECEMARK_SOURCE_DIR "/tests/fixtures"))
    if (entry.path().extension() == ".pmk") fixtures.push_back(entry.path());
  std::sort(fixtures.begin(), fixtures.end());
  for (const fs::path& fixture : fixtures) all.push_back(sample(fixture.stem(), read_file(fixture)));
  for (const FormatInfo& format : known_formats()) {
    const std::string number = std::to_string(format.number);
    all.push_back(sample("worked " + number, worked_bytes(format.number, false)));
    all.push_back(sample("compact " + number, compact_bytes(format.number)));
  }
  all.push_back(sample("worked, NULLS NOT DISTINCT", worked_bytes(known_formats().back().number, true)));
  return all;
}

// --- What becomes of one

enum class Fate : std::uint8_t {
  untried,
  refused,
  reported,
  harmless,
  earlier_commit,
  absence,
  wrong_row,
  signal,
  hang
};
constexpr std::array<const char*, 9> kFateNames{"untried",   "refused",        "reported",
                                                "harmless",  "earlier commit", "silent absence",
                                                "WRONG ROW", "SIGNAL",         "HANG"};

Fate fate_of(const Answers& given, const Sample& sample) {
  const Verdict verdict = compare(given, sample.answers);
  if (verdict == Verdict::right) return Fate::harmless;
  if (verdict == Verdict::reported) return Fate::reported;
  if (sample.earlier_answers && compare(given, *sample.earlier_answers) <= Verdict::reported)
    return Fate::earlier_commit;
  return verdict == Verdict::absence ? Fate::absence : Fate::wrong_row;
}

Fate try_mutant(const std::string& path, const std::string& bytes, const Sample& sample) {
  fs::remove(path + "-lock");
  write_bytes(path, bytes);
  Fate fate = Fate::refused;
  try {
    fate = fate_of(ask(Store::open(path, {.read_only = true, .map_size_bytes = 1 << 28}), sample.questions),
                   sample);
  } catch (const Error&) {
    return Fate::refused;
  }
  write_everything(path, sample.questions);
  return fate;
}

// --- Processes that try them

struct Trial {
  const Sample* sample;
  std::size_t kind;
  std::uint64_t seed;

  std::string bytes() const {
    std::mt19937_64 random(seed);
    return mutated(sample->bytes, sample->anatomy, kind, random);
  }
  std::string name() const {
    return sample->name + ", " + std::string(kMutationKinds[kind]) + ", seed " + std::to_string(seed);
  }
};

// Memory that workers and this process share.
class Board {
 public:
  explicit Board(std::size_t trials) : size_(trials * sizeof(Cell)) {
    void* const memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    cells_ = static_cast<Cell*>(memory);
    for (std::size_t i = 0; i < trials; ++i) new (cells_ + i) Cell(Fate::untried);
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;
  ~Board() { ::munmap(cells_, size_); }

  Fate at(std::size_t trial) const { return cells_[trial].load(); }
  void set(std::size_t trial, Fate fate) { cells_[trial].store(fate); }

 private:
  using Cell = std::atomic<Fate>;
  std::size_t size_;
  Cell* cells_;
};

// Takes every n-th trial from `next` on. A worker that dies is followed by another.
class Worker {
 public:
  Worker(std::size_t first, std::size_t stride, const std::vector<Trial>& trials, Board& board)
      : next_(first), stride_(stride), trials_(trials), board_(board) {
    start();
  }

  // False once all of its trials are done.
  bool look_after() {
    if (process_ < 0) return false;
    advance();
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_) return follow(status);
    if (next_ < trials_.size() && is_late()) {
      board_.set(next_, Fate::hang);
      ::kill(process_, SIGKILL);
      ::waitpid(process_, &status, 0);
      return follow(-1);
    }
    return true;
  }

 private:
  static constexpr double kHang =
      2;  // seconds of processor time, which do not depend on what else is running
  static constexpr std::chrono::seconds kStandstill{60};  // for a worker that waits for what never comes
  static constexpr std::size_t kBatch = 200;

  void start() {
    process_ = ::fork();
    if (process_ == 0) {
      const TemporaryFolder folder;
      std::size_t at = next_;
      for (std::size_t i = 0; i < kBatch && at < trials_.size(); ++i, at += stride_) {
        board_.set(at, try_mutant(folder.path("mutant.pmk"), trials_[at].bytes(), *trials_[at].sample));
      }
      fs::remove_all(folder.path(""));
      ::_exit(0);
    }
    begin_trial(0);
  }
  void advance() {
    while (next_ < trials_.size() && board_.at(next_) != Fate::untried) {
      next_ += stride_;
      begin_trial(cpu_time());
    }
  }
  void begin_trial(double cpu_time) {
    cpu_time_at_start_ = cpu_time;
    started_ = std::chrono::steady_clock::now();
  }
  bool is_late() const {
    return cpu_time() - cpu_time_at_start_ > kHang ||
           std::chrono::steady_clock::now() - started_ > kStandstill;
  }
  bool follow(int status) {
    process_ = -1;
    advance();
    if (status > 0 && next_ < trials_.size()) {
      board_.set(next_, Fate::signal);
      advance();
    }
    if (next_ >= trials_.size()) return false;
    start();
    return true;
  }
  double cpu_time() const {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(process_, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
      return cpu_time_at_start_;
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  pid_t process_ = -1;
  std::size_t next_;
  std::size_t stride_;
  const std::vector<Trial>& trials_;
  Board& board_;
  double cpu_time_at_start_ = 0;
  std::chrono::steady_clock::time_point started_;
};

void try_all(const std::vector<Trial>& trials, Board& board) {
  const std::size_t count = std::max(1U, std::thread::hardware_concurrency());
  std::vector<Worker> workers;
  for (std::size_t i = 0; i < count; ++i) workers.emplace_back(i, count, trials, board);
  for (bool any = true; any;) {
    any = false;
    for (Worker& worker : workers) any |= worker.look_after();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

using Counts = std::map<Fate, std::uint64_t>;

std::string in_words(const Counts& counts) {
  std::string text;
  for (const auto& [fate, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " +
            kFateNames.at(static_cast<std::size_t>(fate));
  }
  return text;
}

// Stores of tests lie where TMPDIR says: in memory, if the system offers that, for every commit waits for its disk.
void prefer_memory() {
  if (fs::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
}

TEST(Mutants, NoDamagedFileCrashesHangsOrGivesAnotherRow) {
  prefer_memory();
  const std::vector<Sample> all = samples();
  std::vector<Trial> trials;
  const std::uint64_t count = tries("mutants", 2000);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t kind = i % std::size(kMutationKinds);
    trials.push_back(
        {&all[i / std::size(kMutationKinds) % all.size()], kind, torture_seed() * 1'000'000'007 + i});
  }
  Board board(trials.size());
  try_all(trials, board);

  Counts counts;
  std::map<std::string_view, Counts> by_kind;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Fate fate = board.at(i);
    ++counts[fate];
    ++by_kind[kMutationKinds[trials[i].kind]][fate];
    const bool is_fine = fate >= Fate::refused && fate < Fate::absence;
    EXPECT_TRUE(is_fine) << kFateNames.at(static_cast<std::size_t>(fate)) << ": " << trials[i].name();
    if (fate == Fate::absence) std::cout << "silent absence: " << trials[i].name() << "\n";
  }
  for (const auto& [kind, of_kind] : by_kind) std::cout << kind << ": " << in_words(of_kind) << "\n";
  std::cout << "all " << trials.size() << ": " << in_words(counts) << "\n";
  report_torture("mutants", trials.size(), in_words(counts));
}

}  // namespace
}  // namespace piecemark::testing
