// The operations that take a store to another schema, and those that ask before and after.
#pragma once

#include <benchmark/benchmark.h>

#include "fixture.h"

namespace piecemark::bench {

void upgrade(benchmark::State& state, Fixture& fixture);
void downgrade(benchmark::State& state, Fixture& fixture);
void upgrade_layout(benchmark::State& state, Fixture& fixture);
void downgrade_layout(benchmark::State& state, Fixture& fixture);
void downgrade_setting_aside(benchmark::State& state, Fixture& fixture);
void upgrade_returning(benchmark::State& state, Fixture& fixture);
void find_across_upgrade(benchmark::State& state, Fixture& fixture);
void get_across_upgrade(benchmark::State& state, Fixture& fixture);
void read_drawing_across_upgrade(benchmark::State& state, Fixture& fixture);
void scan_across_upgrade(benchmark::State& state, Fixture& fixture);

}  // namespace piecemark::bench
