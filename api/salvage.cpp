#include "piecemark/salvage.h"

#include "migration/salvage.h"

namespace piecemark {

SalvageReport salvage(const std::string& from, const std::string& to, const SalvageOptions& options) {
  return migration::salvage(from, to, options);
}

}  // namespace piecemark
