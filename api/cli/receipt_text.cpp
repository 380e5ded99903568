#include "api/cli/receipt_text.h"

#include "api/cli/terminal.h"

namespace piecemark::cli {

std::string count_of(std::uint64_t rows, std::uint64_t identifiers) {
  return std::to_string(rows) + " rows, " + std::to_string(identifiers) + " instance identifiers";
}

void print_receipt(const Receipt& receipt) {
  std::string steps;
  for (const std::string& step : receipt.steps) steps += (steps.empty() ? "" : ", ") + step;
  print_line("format " + std::to_string(receipt.from) + " -> " + std::to_string(receipt.to) + " (" + steps +
             ")");
  print_line("  rows         " + std::to_string(receipt.before.rows_in_table) + " before, " +
             std::to_string(receipt.after.rows_in_table) + " after");
  if (receipt.to < receipt.from) {
    print_line("  stashed      " + count_of(receipt.stashed_rows, receipt.stashed_identifiers));
  } else {
    print_line("  returned     " + count_of(receipt.returned_rows, receipt.returned_identifiers));
    if (receipt.left_over > 0)
      print_line("  left over    " + std::to_string(receipt.left_over) +
                 " entries of the stash could not return and are kept there");
  }
  print_line("  fingerprint  " + receipt.after.components.to_string() + ", table and stash, as before");
  print_line("  receipt      " + std::to_string(receipt.number) + ", " +
             std::to_string(receipt.duration_us / 1000) + " ms");
}

}  // namespace piecemark::cli
