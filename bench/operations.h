// What is measured: the same list for every contender.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "fixture.h"

namespace piecemark::bench {

// What a contender must be able to do.
enum class Needs : std::uint8_t { reads, writes, migrations, setting_aside, newer_layout };

// Reads find everything in memory and never wait: their clock is the processor time, which a busy machine
// disturbs little. Writes wait for the disk, and clients for their server: theirs is the one on the wall.
enum class Clock : std::uint8_t { processor, wall };

struct Operation {
  std::string_view name;
  void (*run)(benchmark::State&, Fixture&);
  Needs needs = Needs::reads;
  Clock clock = Clock::processor;
  int iterations = 0;                   // 0: until the time is up
  std::uint64_t rows_max = UINT64_MAX;  // With more it would take many minutes.
};

// In the order in which they run: a store is read before it is written, and no migration has to be undone outside
// the clock.
std::span<const Operation> operations();

bool offers(const ContenderInfo& info, Needs needs);
Clock clock_of_reads(const ContenderInfo& info);

}  // namespace piecemark::bench
