#pragma once

#include <cstdint>
#include <functional>

#include "piecemark/receipt.h"

namespace piecemark {

// What a downgrade does with what the older format cannot hold.
enum class OnLoss : std::uint8_t {
  refuse,  // throw downgrade_refused; the file stays as it is
  stash,   // keep it in the file, out of sight of the older format; the next upgrade brings it back
};

struct MigrationOptions {
  OnLoss on_loss = OnLoss::refuse;
  // Told of everything that is set aside (or would be), and of what cannot return on the way up. Runs within
  // the write transaction: it must not write to the store.
  std::function<void(const SetAside&)> on_set_aside{};
};

}  // namespace piecemark
