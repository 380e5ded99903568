#pragma once

#include "contender.h"

namespace piecemark::bench {

// Runs the list of benchmarks in driver.cpp on one contender: the whole main() of its program. Takes the
// flags of Google Benchmark, and --random_ids. Returns the exit status: 1 where a benchmark failed, 2 for
// usage.
int run_benchmarks(int argc, char** argv, const ContenderInfo& info);

}  // namespace piecemark::bench
