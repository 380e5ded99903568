// What the walk over the pages costs where a file is opened: the same file opened checked and trusted, alone and followed
// by one reading of all rows. Files lie in the page cache.
//
//   bin/open_benchmark --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

constexpr std::int64_t kSmall = 10'000;
constexpr std::int64_t kLarge = 300'000;
constexpr int kRowsADrawing = 500;

// A file for each number of rows, removed with the object.
class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() { std::filesystem::remove_all(folder_); }

  const std::string& with_rows(std::int64_t rows) {
    auto [place, is_new] = files_.try_emplace(rows, (folder_ / (std::to_string(rows) + ".pmk")).string());
    if (is_new) fill(place->second, rows);
    return place->second;
  }

 private:
  void fill(const std::string& path, std::int64_t rows) {
    std::filesystem::create_directories(folder_);
    Store store = Store::create(path);
    WriteTxn transaction = store.write();
    Uuid drawing;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::string number = std::to_string(row % kRowsADrawing);
      if (row % kRowsADrawing == 0)
        drawing = transaction.insert_drawing({.name = "S-" + std::to_string(row)});
      transaction.insert({.drawing_id = drawing,
                          .piece_mark = "G" + number,
                          .instance_identifier = number,
                          .material_type = "S355JR",
                          .location_x = 0.5 * static_cast<double>(row),
                          .bounding_box = "[0,1," + number + "]"});
    }
    transaction.commit();
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("open_benchmark." + std::to_string(::getpid()));
  std::map<std::int64_t, std::string> files_;
};

void open(benchmark::State& state, bool is_trusted, bool reads_all) {
  static Files files;
  const std::string& path = files.with_rows(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    const Store store = Store::open(path, {.trusted = is_trusted});
    if (!reads_all) continue;
    std::int64_t rows = 0;
    const ReadTxn snapshot = store.read();
    for (const ComponentView& component : snapshot.scan()) rows += component.piece_mark().empty() ? 0 : 1;
    if (rows != state.range(0)) throw std::runtime_error("read another number of rows");
  }
  const double megabytes = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
  state.counters["MB"] = megabytes;
  state.counters["s_per_MB"] = benchmark::Counter(
      megabytes, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(open, trusted, true, false)->Arg(kSmall)->Arg(kLarge)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open, checked, false, false)->Arg(kSmall)->Arg(kLarge)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open, trusted_and_read, true, true)
    ->Arg(kSmall)
    ->Arg(kLarge)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open, checked_and_read, false, true)
    ->Arg(kSmall)
    ->Arg(kLarge)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace piecemark::bench

BENCHMARK_MAIN();
