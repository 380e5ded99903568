// A view would outlive the snapshot that it points into.
#include "piecemark/store.h"

bool has_girder(const piecemark::Store& store) {
#ifdef MUST_NOT_COMPILE
  return store.read().find(std::nullopt, "G1", "1").has_value();
#else
  const piecemark::ReadTxn snapshot = store.read();
  return snapshot.find(std::nullopt, "G1", "1").has_value();
#endif
}
