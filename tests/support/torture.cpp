#include "torture.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>

namespace piecemark::testing {

std::uint64_t tries(std::string_view name, std::uint64_t everyday) {
  std::string variable = "PIECEMARK_TORTURE_";
  for (const char c : name) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const char* const asked = std::getenv(variable.c_str());
  return asked ? std::strtoull(asked, nullptr, 10) : everyday;
}

std::uint64_t torture_seed() {
  const char* const seed = std::getenv("PIECEMARK_TORTURE_SEED");
  return seed ? std::strtoull(seed, nullptr, 10) : 1;
}

void report_torture(std::string_view test, std::uint64_t tried, const std::string& outcome) {
  if (const char* const file = std::getenv("PIECEMARK_TORTURE_REPORT")) {
    std::ofstream(file, std::ios::app)
        << test << '\t' << tried << '\t' << (::testing::Test::HasFailure() ? "FAILED: " : "") << outcome
        << '\n';
  }
}

}  // namespace piecemark::testing
