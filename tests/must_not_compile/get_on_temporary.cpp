// A view would outlive the snapshot that it points into.
#include "piecemark/store.h"

bool is_known(const piecemark::Store& store, const piecemark::Uuid& id) {
#ifdef MUST_NOT_COMPILE
  return store.read().get(id).has_value();
#else
  const piecemark::ReadTxn snapshot = store.read();
  return snapshot.get(id).has_value();
#endif
}
