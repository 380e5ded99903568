// A write transaction is a resource: it can be handed on, not copied.
#include "piecemark/store.h"

piecemark::WriteTxn hand_on(piecemark::WriteTxn changes) {
#ifdef MUST_NOT_COMPILE
  piecemark::WriteTxn other(changes);
#else
  piecemark::WriteTxn other(std::move(changes));
#endif
  return other;
}
