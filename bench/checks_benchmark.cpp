// What it costs that bytes from disk are checked. Files lie in the page cache.
//   open       the walk over the pages: the same file opened checked and trusted, alone and followed by one reading of
//              all rows
//   checksums  those of look-ups and of a scan, as share_of_unchecked: reading is timed as it is, and with every checksum
//              computed once more, in turns
//
//   bin/checks_benchmark --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/environment.h"
#include "engine/hash.h"
#include "index/block.h"
#include "index/packed_key.h"
#include "index/tables.h"
#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

constexpr std::int64_t kSmall = 10'000;
constexpr std::int64_t kLarge = 300'000;
constexpr std::int64_t kMillion = 1'000'000;
constexpr int kRowsADrawing = 500;

Uuid numbered(std::int64_t number) {
  Uuid id;
  for (std::size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

// A file for each number of rows, removed with the object.
class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() { std::filesystem::remove_all(folder_); }

  static const std::string& with_rows(std::int64_t rows) {
    static Files files;
    auto [place, is_new] =
        files.files_.try_emplace(rows, (files.folder_ / (std::to_string(rows) + ".pmk")).string());
    if (is_new) fill(place->second, rows);
    return place->second;
  }

 private:
  static void fill(const std::string& path, std::int64_t rows) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    Store store = Store::create(path);
    WriteTxn transaction = store.write();
    Uuid drawing;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::string number = std::to_string(row % kRowsADrawing);
      if (row % kRowsADrawing == 0)
        drawing = transaction.insert_drawing(
            {.id = numbered(row / kRowsADrawing), .name = "S-" + std::to_string(row)});
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
      std::filesystem::temp_directory_path() / ("checks_benchmark." + std::to_string(::getpid()));
  std::map<std::int64_t, std::string> files_;
};

void open(benchmark::State& state, bool is_trusted, bool reads_all) {
  const std::string& path = Files::with_rows(state.range(0));
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

// Reads blocks as the packed layout does (index/packed.cpp), and sums up what it reads.
class BlockReader {
 public:
  explicit BlockReader(std::int64_t rows)
      : environment_(engine::Environment::open(Files::with_rows(rows), index::kTables, {.read_only = true})),
        snapshot_(environment_->begin_read()),
        blocks_(index::table(*environment_, index::TableId::blocks_3)),
        rows_(rows) {}

  // Random rows by drawing, mark and instance.
  double find(std::mt19937_64& random, bool checks_again) {
    double sum = 0;
    for (int i = 0; i < kFinds; ++i) {
      const auto row = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows_));
      const std::string number = std::to_string(row % kRowsADrawing);
      const index::RowHash hash = index::RowHasher().of("G" + number, number);
      const auto entry =
          snapshot_.seek(blocks_, index::PackedKey(numbered(row / kRowsADrawing), hash).bytes());
      const index::Block block({blocks_.name, entry->key}, entry->value);
      sum += read(block, block.lower_bound(hash));
      if (checks_again) again_ += block_checksum(block, entry->value);
      if (checks_again) again_ += row_checksum(block, entry->value, block.lower_bound(hash));
    }
    benchmark::DoNotOptimize(again_);
    return sum;
  }

  double scan(bool checks_again) {
    double sum = 0;
    engine::Cursor cursor(snapshot_, blocks_);
    for (bool found = cursor.first(); found; found = cursor.next()) {
      const index::Block block({blocks_.name, cursor.key()}, cursor.value());
      if (checks_again) again_ += block_checksum(block, cursor.value());
      for (std::size_t row = 0; row < block.count(); ++row) {
        sum += read(block, row);
        if (checks_again) again_ += row_checksum(block, cursor.value(), row);
      }
    }
    benchmark::DoNotOptimize(again_);
    return sum;
  }

  static constexpr int kFinds = 1'000;
  std::int64_t rows() const { return rows_; }

 private:
  static double read(const index::Block& block, std::size_t at) {
    ComponentRow row;
    block.read(at, row);
    return static_cast<double>(row.piece_mark.size() + row.instance_identifier->size() +
                               row.material_type->size() + row.bounding_box->size()) +
           *row.location_x;
  }
  static std::uint64_t block_checksum(const index::Block& block, engine::Bytes bytes) {
    const auto texts_end = engine::load<std::uint16_t>(bytes.data() + index::kBlockTextsEndAt);
    return engine::checksum_of(block.place(),
                               bytes.substr(index::kBlockCountAt, texts_end - index::kBlockCountAt));
  }
  static std::uint64_t row_checksum(const index::Block& block, engine::Bytes bytes, std::size_t row) {
    const auto begin = static_cast<std::size_t>(block.id(row).data() - bytes.data());
    const std::size_t end = row + 1 < block.count()
                                ? static_cast<std::size_t>(block.id(row + 1).data() - bytes.data())
                                : bytes.size();
    return engine::xxh3(bytes.substr(begin, end - begin));
  }

  std::shared_ptr<engine::Environment> environment_;
  engine::ReadTransaction snapshot_;
  engine::Table blocks_;
  std::int64_t rows_;
  std::uint64_t again_ = 0;
};

double seconds_of_this_thread() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The same rows twice a turn: as they are read, and with checks once more. Who goes first finds less in the processor's
// cache, and changes every turn.
template <class Read>
void checksums(benchmark::State& state, std::int64_t rows_a_turn, const Read& read) {
  std::array<double, 2> seconds{};
  std::uint64_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::array<double, 2> sums{};
    for (const std::size_t again : {turn % 2, 1 - turn % 2}) {
      const double start = seconds_of_this_thread();
      sums.at(again) = read(turn, again == 1);
      seconds.at(again) += seconds_of_this_thread() - start;
    }
    if (sums[0] != sums[1]) throw std::runtime_error("read other rows");
    ++turn;
  }
  const double checks = seconds[1] - seconds[0];
  state.counters["share_of_unchecked"] = checks / (seconds[0] - checks);
  state.counters["s_per_row"] = seconds[0] / static_cast<double>(rows_a_turn * state.iterations());
}

void checksums_of_find(benchmark::State& state) {
  BlockReader reader(state.range(0));
  checksums(state, BlockReader::kFinds, [&](std::uint64_t turn, bool checks_again) {
    std::mt19937_64 random(turn);
    return reader.find(random, checks_again);
  });
}
void checksums_of_scan(benchmark::State& state) {
  BlockReader reader(state.range(0));
  checksums(state, reader.rows(),
            [&](std::uint64_t /*turn*/, bool checks_again) { return reader.scan(checks_again); });
}
BENCHMARK(checksums_of_find)->Arg(kMillion);
BENCHMARK(checksums_of_scan)->Arg(kMillion);

}  // namespace
}  // namespace piecemark::bench

BENCHMARK_MAIN();
