// A row would outlive the component whose texts it borrows.
#include "piecemark/component.h"

std::size_t length_of_mark() {
#ifdef MUST_NOT_COMPILE
  const piecemark::ComponentRow row = piecemark::row_of(piecemark::Component{.piece_mark = "G1"});
#else
  const piecemark::Component component{.piece_mark = "G1"};
  const piecemark::ComponentRow row = piecemark::row_of(component);
#endif
  return row.piece_mark.size();
}
