#include "chain.h"

#include <array>

#include "migration/steps/add_instance_identifier.h"

namespace piecemark::migration {
namespace {

const std::array kChain{
    kAddInstanceIdentifier,
};

}  // namespace

std::span<const Step> chain() {
  return kChain;
}

}  // namespace piecemark::migration
