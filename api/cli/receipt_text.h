// Receipts as people read them.
#pragma once

#include "piecemark/receipt.h"

namespace piecemark::cli {

// Several lines, to standard output.
void print_receipt(const Receipt& receipt);
// "6 rows, 2 instance identifiers"
std::string count_of(std::uint64_t rows, std::uint64_t identifiers);

}  // namespace piecemark::cli
