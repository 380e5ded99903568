// The mark that nothing was written since the last migration: as long as it is there, the content must still have the
// fingerprint of the receipt. It lies in the `meta` table beside the stamp; the first change after a migration takes it
// away.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/transaction.h"

namespace piecemark::migration {

inline constexpr std::string_view kProvenKey = "proven";

// The number of the receipt that still describes the content.  Errors  corrupt_record
std::optional<std::uint32_t> proven_receipt(const engine::ReadTransaction& transaction);
void mark_proven(engine::WriteTransaction& transaction, std::uint32_t receipt);
// To be called in every transaction that changes content.  Cost  a look-up
void forget_proven(engine::WriteTransaction& transaction);

}  // namespace piecemark::migration
