#include "api/cli/opening.h"

#include <cstdint>

namespace piecemark::cli {
namespace {

// Of the one command of this process.
std::uint64_t map_size_bytes = OpenOptions().map_size_bytes;

void add_map_size(Verb verb) {
  verb.size_option(
      "--map-size", map_size_bytes,
      "Address space for the map of a store, such as 512MB, where the process may have little of it or a "
      "transaction needs more (default: 64GB)");
}

}  // namespace

OpenOptions to_read() {
  return {.read_only = true, .map_size_bytes = map_size_bytes};
}

OpenOptions to_write() {
  return {.map_size_bytes = map_size_bytes};
}

void add_opening_options(Verb& program) {
  for (const Verb& verb : program.verbs()) {
    if (verb.name() == "formats") continue;
    const auto parts = verb.verbs();
    if (parts.empty()) add_map_size(verb);
    for (const Verb& part : parts) add_map_size(part);
  }
}

}  // namespace piecemark::cli
