// What keeps a file in good order: copies of it.
#include "migration/copy.h"
#include "store_core.h"

namespace piecemark {

void Store::backup(const std::string& out) const {
  migration::back_up(*core_->environment(), out);
}

}  // namespace piecemark
