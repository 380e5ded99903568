// Laboratories: tests that try something as often as they are told. Every test run tries a little; script/torture asks
// for more, and prints what they report as a table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace piecemark::testing {

// How often the laboratory `name` (lower case, words parted by `_`) is to try: the number in the environment variable
// PIECEMARK_TORTURE_<NAME IN CAPITALS>, else `everyday`.
std::uint64_t tries(std::string_view name, std::uint64_t everyday);

// Where trials differ by chance, each is made from a seed of its own: this and its number. A failure names it.
std::uint64_t torture_seed();

// A line of the table: what was tried, how often, and what came of it, which is called failed if the test at hand has
// failed by then. Goes to the file named by PIECEMARK_TORTURE_REPORT; nowhere without it.
void report_torture(std::string_view test, std::uint64_t tried, const std::string& outcome);

}  // namespace piecemark::testing
