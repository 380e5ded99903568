#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "contender.h"

namespace piecemark::bench {

// Exit status of a program whose contender is not installed.
inline constexpr int kNotInstalled = 77;

// Runs the list of operations on one contender: the whole main() of its program. Takes the flags of Google
// Benchmark, --sizes=N,N..., --ids=time_ordered|random, and --short=yes, which commits only twice where it would
// more often: for tests. Returns the exit status: 1 where a benchmark failed, 2 for usage.
int run_benchmarks(int argc, char** argv, const ContenderInfo& info);
// The same for several contenders, which take turns at every operation. Names of benchmarks end in theirs.
int run_benchmarks(int argc, char** argv, std::span<const ContenderInfo> infos);

// Takes "NAME=VALUE", or "NAME" and the argument after it, out of the arguments and returns the value.
std::optional<std::string> take_flag(int& argc, char** argv, std::string_view name);

}  // namespace piecemark::bench
