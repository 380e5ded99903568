#include "driver.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "operations.h"

namespace piecemark::bench {
namespace {

constexpr std::string_view kDefaultSizes = "10000,100000,1000000";
constexpr std::uint64_t kSizeMin = 1'000;
constexpr int kShortIterations = 2;

// All operations at all sizes on all contenders. Runs size after size and keeps the workload and the fixtures of one at a
// time.
class Suite {
 public:
  Suite(std::span<const ContenderInfo> infos, IdOrder id_order, int iterations_max)
      : infos_(infos), id_order_(id_order), iterations_max_(iterations_max), fixtures_(infos.size()) {}

  void register_benchmarks(const std::vector<std::uint64_t>& sizes) {
    for (const std::uint64_t components : sizes) {
      for (const Operation& operation : operations()) {
        if (components > operation.rows_max) continue;
        for (std::size_t contender = 0; contender < infos_.size(); ++contender) {
          if (offers(infos_[contender], operation.needs))
            register_benchmark(operation, components, contender);
        }
      }
    }
  }

  bool has_failed() const { return has_failed_; }

 private:
  void register_benchmark(const Operation& operation, std::uint64_t components, std::size_t contender) {
    const ContenderInfo& info = infos_[contender];
    std::string name = std::string(operation.name) + "/" + std::to_string(components);
    if (infos_.size() > 1) name += "/" + info.name;
    auto* const benchmark = benchmark::RegisterBenchmark(
        name.c_str(), [this, &operation, components, contender](benchmark::State& state) {
          run(state, operation, components, contender);
        });
    if (operation.clock == Clock::wall || clock_of_reads(info) == Clock::wall) benchmark->UseRealTime();
    if (operation.iterations != 0) benchmark->Iterations(std::min(operation.iterations, iterations_max_));
  }

  void run(benchmark::State& state, const Operation& operation, std::uint64_t components,
           std::size_t contender) {
    try {
      operation.run(state, fixture(components, contender));
    } catch (const std::exception& error) {
      has_failed_ = true;
      state.SkipWithError(error.what());
    }
  }

  Fixture& fixture(std::uint64_t components, std::size_t contender) {
    if (!workload_ || workload_->total().rows != components) {
      for (auto& fixture : fixtures_) fixture.reset();
      workload_.reset();
      workload_ = std::make_unique<Workload>(components, id_order_);
    }
    auto& fixture = fixtures_[contender];
    if (!fixture) fixture = std::make_unique<Fixture>(infos_[contender], *workload_);
    return *fixture;
  }

  std::span<const ContenderInfo> infos_;
  IdOrder id_order_;
  int iterations_max_;
  std::unique_ptr<Workload> workload_;
  std::vector<std::unique_ptr<Fixture>> fixtures_;  // of each contender
  bool has_failed_ = false;
};

// The sizes in a list like "10000,100000"; empty unless all of them are numbers of kSizeMin or more.
std::vector<std::uint64_t> parse_sizes(std::string_view list) {
  std::vector<std::uint64_t> sizes;
  const char* const end = list.data() + list.size();
  for (const char* at = list.data();;) {
    const auto [after, error] = std::from_chars(at, end, sizes.emplace_back());
    if (error != std::errc() || sizes.back() < kSizeMin) return {};
    if (after == end) return sizes;
    if (*after != ',') return {};
    at = after + 1;
  }
}

void drop_argument(int& argc, char** argv, int place) {
  std::copy(argv + place + 1, argv + argc, argv + place);
  --argc;
}

}  // namespace

std::optional<std::string> take_flag(int& argc, char** argv, std::string_view name) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with(name)) continue;
    const std::string_view rest = std::string_view(argument).substr(name.size());
    if (rest.empty() && i + 1 < argc) {
      const std::string value = argv[i + 1];
      drop_argument(argc, argv, i);
      drop_argument(argc, argv, i);
      return value;
    }
    if (!rest.starts_with('=')) continue;
    drop_argument(argc, argv, i);
    return std::string(rest.substr(1));
  }
  return std::nullopt;
}

int run_benchmarks(int argc, char** argv, const ContenderInfo& info) {
  return run_benchmarks(argc, argv, std::span(&info, 1));
}

int run_benchmarks(int argc, char** argv, std::span<const ContenderInfo> infos) {
  benchmark::Initialize(&argc, argv);
  const std::vector<std::uint64_t> sizes =
      parse_sizes(take_flag(argc, argv, "--sizes").value_or(std::string(kDefaultSizes)));
  if (sizes.empty()) {
    std::cerr << argv[0] << ": --sizes takes numbers of " << kSizeMin << " or more, as in 10000,100000\n";
    return 2;
  }
  const std::string ids = take_flag(argc, argv, "--ids").value_or("time_ordered");
  const bool is_short = take_flag(argc, argv, "--short").value_or("no") == "yes";
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (ids != "time_ordered" && ids != "random") {
    std::cerr << argv[0] << ": --ids is time_ordered or random\n";
    return 2;
  }
  std::string names = infos.front().name;
  for (const ContenderInfo& info : infos.subspan(1)) names += "," + info.name;
  benchmark::AddCustomContext("contender", names);
  benchmark::AddCustomContext("contender_version", infos.front().version);

  Suite suite(infos, ids == "random" ? IdOrder::random : IdOrder::time_ordered,
              is_short ? kShortIterations : std::numeric_limits<int>::max());
  suite.register_benchmarks(sizes);
  if (benchmark::RunSpecifiedBenchmarks() == 0) {
    std::cerr << argv[0] << ": no benchmark has such a name\n";
    return 2;
  }
  return suite.has_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace piecemark::bench
