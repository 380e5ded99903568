#include "tests/support/store_state.h"

#include "api/text/json_writer.h"
#include "piecemark/migration.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {
namespace {

std::string describe(const Holdings& holdings) {
  return std::to_string(holdings.rows_in_table) + " rows, " + std::to_string(holdings.rows_in_stash) +
         " in the stash, " + holdings.drawings.to_string() + " " + holdings.components.to_string() + " " +
         holdings.extras.to_string();
}

// All of it but the times.
std::string describe(const Receipt& receipt) {
  return "receipt " + std::to_string(receipt.number) + ": " + std::to_string(receipt.from) + " to " +
         std::to_string(receipt.to) + ", " + describe(receipt.before) + ", " + describe(receipt.after) +
         ", stashed " + std::to_string(receipt.stashed_rows) + "+" +
         std::to_string(receipt.stashed_identifiers) + ", returned " + std::to_string(receipt.returned_rows) +
         "+" + std::to_string(receipt.returned_identifiers) + ", left " + std::to_string(receipt.left_over) +
         "\n";
}

std::string describe(const StashEntry& entry) {
  std::string text = entry.is_left_over ? "left over " : "stashed ";
  text += std::to_string(entry.set_aside.run) + " " + entry.set_aside.reason + " ";
  text::append_json(text, row_of(entry.set_aside.component));
  return text + "\n";
}

}  // namespace

std::string state_of_store(const Store& store) {
  const ReadTxn snapshot = store.read();
  const Verification verification = verify(snapshot);
  std::string text = "format " + std::to_string(snapshot.format()) + "\nstash entries " +
                     std::to_string(verification.stash_entries) + "\n";
  for (const Receipt& receipt : history(snapshot)) text += describe(receipt);
  for_each_stash_entry(snapshot, [&](const StashEntry& entry) { text += describe(entry); });
  for (const std::string& problem : verification.problems) text += "problem: " + problem + "\n";
  return text + dump(snapshot);
}

}  // namespace piecemark::testing
