#include "tests/api/static_store.h"

#include <optional>

namespace {

std::optional<piecemark::Store> store;

}  // namespace

piecemark::Store& static_store(const std::string& path) {
  if (!store) store.emplace(piecemark::Store::open(path));
  return *store;
}
