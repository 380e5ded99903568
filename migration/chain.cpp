#include "chain.h"

#include <array>

#include "migration/steps/add_instance_identifier.h"
#include "migration/steps/pack_blocks.h"

namespace piecemark::migration {
namespace {

const std::array kChain{
    kAddInstanceIdentifier,
    kPackBlocks,
};

}  // namespace

std::span<const Step> chain() {
  return kChain;
}

}  // namespace piecemark::migration
