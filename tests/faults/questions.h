// Everything that can be asked of a store, and what two stores answer: for files that may be damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "piecemark/store.h"

namespace piecemark::testing {

// What to ask by: all that a sound file holds, and as much that it does not.
struct Questions {
  struct Key {
    std::optional<Uuid> drawing;
    std::string mark;
    std::optional<std::string> instance;
  };
  std::vector<Uuid> ids;
  std::vector<Key> keys;
  std::vector<std::optional<Uuid>> drawings;
};
Questions questions_about(const ReadTxn& snapshot);

// An answer is the rows that were found, sorted, or nullopt where the store reported an error instead.
using Answer = std::optional<std::vector<std::string>>;
struct Answers {
  std::vector<Answer> rows;     // of every route that finds rows
  std::vector<Answer> digests;  // of what depends on all rows: counts, fingerprints
};
// Asks by every route. Damage is an answer; what is thrown besides piecemark::Error is thrown on.
Answers ask(const Store& store, const Questions& questions);

// Writes of every kind, verification and migrations to all formats. Refused is as good as done; what is thrown besides
// piecemark::Error is thrown on.
void write_everything(const std::string& path, const Questions& questions);

// From the best to the worst.
enum class Verdict : std::uint8_t {
  right,      // every answer is that of the sound file
  reported,   // or an error
  absence,    // rows are missing from an answer, without an error
  wrong_row,  // another row, without an error
};
Verdict compare(const Answers& given, const Answers& expected);

}  // namespace piecemark::testing
