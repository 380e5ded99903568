// A range would outlive the snapshot that it walks.
#include "piecemark/store.h"

int count(const piecemark::Store& store) {
  int count = 0;
#ifdef MUST_NOT_COMPILE
  for (const auto& component : store.read().scan()) count += component.quantity().value_or(1);
#else
  const piecemark::ReadTxn snapshot = store.read();
  for (const auto& component : snapshot.scan()) count += component.quantity().value_or(1);
#endif
  return count;
}
