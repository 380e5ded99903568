// A range can be walked once: it can be handed on, not copied.
#include "piecemark/component_range.h"

piecemark::ComponentRange hand_on(piecemark::ComponentRange range) {
#ifdef MUST_NOT_COMPILE
  piecemark::ComponentRange other(range);
#else
  piecemark::ComponentRange other(std::move(range));
#endif
  return other;
}
