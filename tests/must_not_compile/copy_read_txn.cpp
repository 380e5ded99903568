// A snapshot is a resource: it can be handed on, not copied.
#include "piecemark/store.h"

piecemark::ReadTxn hand_on(piecemark::ReadTxn snapshot) {
#ifdef MUST_NOT_COMPILE
  piecemark::ReadTxn other(snapshot);
#else
  piecemark::ReadTxn other(std::move(snapshot));
#endif
  return other;
}
