// Which drawing each id is of, as far as blocks of ids tell that are found anywhere in a damaged file. What they tell may
// be stale, or of another table: it says where to look first, and proves nothing.
//
// Memory  20 bytes an id, and up to as much again while blocks are added
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/record.h"
#include "layout.h"
#include "piecemark/uuid.h"

namespace piecemark::index {

class DrawingsOfIds {
 public:
  // Learns from a block of ids, whose key need not be known, with bytes of no account behind it. False for anything else.
  bool add(engine::Bytes block);

  // The drawings that any of these ids is said to be of, the one of most of them first.
  std::vector<DrawingKey> of(const std::vector<Uuid>& ids);

 private:
  struct Entry {
    Uuid id;
    std::uint32_t drawing = 0;  // its place in drawings_

    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  void sort();

  std::vector<Entry> entries_;
  std::size_t sorted_ = 0;  // So many of them are in order, each once.
  std::vector<DrawingKey> drawings_;
  std::map<DrawingKey, std::uint32_t> places_;
};

}  // namespace piecemark::index
