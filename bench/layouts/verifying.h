// Goes through whole tables and reports what does not hold.
#pragma once

#include <cstdint>
#include <string>

#include "engine/record.h"
#include "engine/transaction.h"
#include "index/layout.h"

namespace piecemark::bench {

class Verifier {
 public:
  Verifier(const engine::ReadTransaction& transaction, const index::Layout::ProblemSink& report)
      : transaction_(transaction), report_(report) {}

  // Calls check(key, value) for each entry and reports what it throws, an order that does not ascend, and a counter that
  // is wrong. The number of entries.
  template <class Check>
  std::uint64_t verify(const engine::Table& table, const Check& check) const {
    std::uint64_t entries = 0;
    std::string last;
    engine::Cursor cursor(transaction_, table);
    for (bool found = cursor.first(); found; found = cursor.next(), ++entries) {
      const engine::RecordPlace place{table.name, cursor.key()};
      if (entries > 0 && place.key <= last) report(place, "out of order");
      last = place.key;
      try {
        check(place.key, cursor.value());
      } catch (const Error& error) {
        report(place, error.facts().found);
      }
    }
    expect_count(table, transaction_.entries(table), entries, "counter says");
    return entries;
  }

  void expect_count(const engine::Table& table, std::uint64_t found, std::uint64_t expected,
                    const char* what) const {
    if (found == expected) return;
    report_("table '" + std::string(table.name) + "': its " + what + " " + std::to_string(found) +
            " instead of " + std::to_string(expected));
  }

  void report(const engine::RecordPlace& place, const std::string& problem) const {
    report_("table '" + std::string(place.table) + "', key " + engine::to_hex(place.key) + ": " + problem);
  }

 private:
  const engine::ReadTransaction& transaction_;
  const index::Layout::ProblemSink& report_;
};

}  // namespace piecemark::bench
