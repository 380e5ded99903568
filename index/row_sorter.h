// Rows sorted outside of memory, by whatever ends with their id.
#pragma once

#include <string>

#include "engine/sorter.h"
#include "piecemark/component.h"

namespace piecemark::index {

class RowSorter {
 public:
  // The temporary file, if it comes to one, lies in this folder.
  explicit RowSorter(std::string folder) : records_(std::move(folder)) {}

  // No key may begin another one; the last bytes of each are the id of its row.
  // Errors  disk_full, io_error
  void add(engine::Bytes key, const ComponentRow& row);

  // Goes to the beginning; from then on, nothing can be added.
  void rewind() { records_.rewind(); }
  // The next row in ascending order of the keys. It borrows from the sorter until the next call.
  bool next(ComponentRow& row);

 private:
  engine::Sorter records_;
  std::string record_;
};

}  // namespace piecemark::index
