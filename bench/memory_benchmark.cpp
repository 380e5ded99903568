// What the migration of a large file needs: time, memory, and room on the disk.
//
// Makes a file of format 1, upgrades and downgrades it, and prints a table. The rows are made one drawing at
// a time, so that what the process holds is what the store needs.

#include <lmdb.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fixture.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

constexpr std::uint64_t kRowsACommit = 100'000;
constexpr double kMegabyte = 1e6;

// A line of /proc/self/status, as "RssAnon", in bytes.
std::uint64_t status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name) || line[name.size()] != ':') continue;
    return std::stoull(line.substr(name.size() + 1)) * 1'024;
  }
  throw std::runtime_error("/proc/self/status has no line " + std::string(name));
}

// The highest memory use of the process from construction to stop().
class PeakMemory {
 public:
  PeakMemory() {
    malloc_trim(0);                               // What the phase before has freed is not of this one.
    std::ofstream("/proc/self/clear_refs") << 5;  // Resets VmHWM.
    anonymous_ = status_bytes("RssAnon");
    sampler_ = std::thread([this] { sample(); });
  }
  ~PeakMemory() { stop(); }
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  void stop() {
    if (!sampler_.joinable()) return;
    high_water_ = status_bytes("VmHWM");
    is_stopped_ = true;
    sampler_.join();
  }
  // Memory that only giving it up can free: the heap, in which LMDB keeps pages that are not written yet.
  std::uint64_t anonymous_bytes() const { return anonymous_; }
  // VmHWM: with the pages of the mapped file, which the system takes back when others need the memory.
  std::uint64_t high_water_bytes() const { return high_water_; }

 private:
  void sample() {
    while (!is_stopped_) {
      anonymous_ = std::max(anonymous_.load(), status_bytes("RssAnon"));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::atomic<std::uint64_t> anonymous_ = 0;
  std::uint64_t high_water_ = 0;
  std::atomic<bool> is_stopped_ = false;
  std::thread sampler_;
};

void check(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("LMDB: ") + mdb_strerror(code));
}

// The size of a copy of the file without its free pages. The store must be closed: a process may open a file
// of LMDB only once.
std::uint64_t compact_bytes(const std::filesystem::path& file) {
  std::filesystem::path copy = file;
  copy += ".compact";
  MDB_env* handle = nullptr;
  check(mdb_env_create(&handle));
  const std::unique_ptr<MDB_env, decltype(&mdb_env_close)> environment(handle, mdb_env_close);
  check(mdb_env_open(handle, file.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0644));
  check(mdb_env_copy2(handle, copy.c_str(), MDB_CP_COMPACT));
  const std::uint64_t bytes = std::filesystem::file_size(copy);
  std::filesystem::remove(copy);
  return bytes;
}

// Stores the rows in format 1 and returns their tally.
Tally load(Store& store, std::uint64_t rows) {
  Tally total;
  std::optional<WriteTxn> txn = store.write();
  std::uint64_t pending = 0;
  for_each_drawing(rows, IdOrder::time_ordered,
                   [&](const Drawing& drawing, std::vector<Component> components) {
                     txn->insert_drawing(drawing);
                     for (Component& component : components) {
                       component = in_old_schema(std::move(component));
                       total.add(row_of(component));
                       txn->insert(component);
                     }
                     pending += components.size();
                     if (pending < kRowsACommit) return;
                     txn->commit();
                     txn.reset();
                     txn = store.write();
                     pending = 0;
                   });
  txn->commit();
  return total;
}

void require_rows(const Store& store, const Tally& expected) {
  Tally actual;
  const ReadTxn snapshot = store.read();
  for (const ComponentView& component : snapshot.scan()) actual.add(component.row());
  if (actual == expected) return;
  throw std::runtime_error("read " + actual.to_string() + " instead of " + expected.to_string());
}

void print_row(std::string_view phase, const std::vector<std::string>& cells) {
  std::cout << "| " << std::left << std::setw(9) << phase << std::right;
  for (const std::string& cell : cells) std::cout << " | " << std::setw(11) << cell;
  std::cout << " |" << std::endl;  // A phase may take minutes: shown when it is over.
}

std::string in_megabytes(std::uint64_t bytes) {
  return std::to_string(std::llround(static_cast<double>(bytes) / kMegabyte));
}

std::string with_tenths(double number) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << number;
  return text.str();
}

// One file that goes from phase to phase; open during a phase only, closed while its compact size is taken.
class Run {
 public:
  explicit Run(std::uint64_t rows) : rows_(rows) {
    print_row("phase", {"rows", "seconds", "rows/s", "anon MB", "VmHWM MB", "file MB", "compact MB"});
    std::cout << '|' << std::string(11, '-');
    for (int column = 0; column < 7; ++column) std::cout << '|' << std::string(13, '-');
    std::cout << "|\n";
  }

  void load_rows() {
    Store store = Store::create(file().string(), {.format = 1}, {.write_older_format = true});
    measure("load", std::move(store), [&](Store& opened) { expected_ = load(opened, rows_); });
  }

  void migrate_to(std::string_view phase, std::uint32_t format) {
    measure(phase, Store::open(file().string()), [&](Store& store) { migrate(store, format); });
  }

 private:
  std::filesystem::path file() const { return folder_.path() / "bench.pmk"; }

  template <class Work>
  void measure(std::string_view phase, Store&& opened, const Work& work) {
    std::optional<Store> store = std::move(opened);
    PeakMemory peak;
    const auto start = std::chrono::steady_clock::now();
    work(*store);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    peak.stop();
    require_rows(*store, expected_);
    store.reset();
    report(phase, seconds.count(), peak);
  }

  void report(std::string_view phase, double seconds, const PeakMemory& peak) const {
    const auto rows_a_second = static_cast<std::uint64_t>(static_cast<double>(rows_) / seconds);
    print_row(phase, {std::to_string(rows_), with_tenths(seconds), std::to_string(rows_a_second),
                      in_megabytes(peak.anonymous_bytes()), in_megabytes(peak.high_water_bytes()),
                      in_megabytes(std::filesystem::file_size(file())), in_megabytes(compact_bytes(file()))});
  }

  TemporaryFolder folder_;
  std::uint64_t rows_;
  Tally expected_;
};

// 0 unless the text is a number above 0.
std::uint64_t parse_rows(std::string_view text) {
  std::uint64_t rows = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
  return error == std::errc() && end == text.data() + text.size() ? rows : 0;
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  const std::uint64_t rows = argc == 2 ? piecemark::bench::parse_rows(argv[1]) : 0;
  if (rows == 0) {
    std::cerr << "usage: memory_benchmark ROWS\n";
    return 2;
  }
  try {
    piecemark::bench::Run run(rows);
    run.load_rows();
    run.migrate_to("upgrade", 2);
    run.migrate_to("downgrade", 1);
  } catch (const std::exception& error) {
    std::cerr << "memory_benchmark: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
