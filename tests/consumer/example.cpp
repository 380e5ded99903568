#include <iostream>

#include "piecemark/store.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  piecemark::Store store = piecemark::Store::create(argv[1]);

  piecemark::WriteTxn changes = store.write();
  const piecemark::Uuid drawing = changes.insert_drawing({.name = "S-101"});
  changes.insert({.drawing_id = drawing, .piece_mark = "G1", .instance_identifier = "1"});
  changes.insert({.drawing_id = drawing, .piece_mark = "G1", .instance_identifier = "2"});
  changes.commit();  // both girders, or neither

  const piecemark::ReadTxn snapshot = store.read();
  if (const auto girder = snapshot.find(drawing, "G1", "2")) {
    std::cout << "G1/2 is " << girder->review_status().value_or("unknown") << '\n';
  }
  for (const auto& component : snapshot.in_drawing(drawing)) {
    std::cout << component.piece_mark() << '/' << component.instance_identifier().value_or("-") << '\n';
  }
}
