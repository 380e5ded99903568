// Text written on a thread of its own, while the next is being put together.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "api/text/hand_over.h"

namespace piecemark::text {

// Takes the text piece by piece, in its order: one call at a time, but perhaps on another thread than the caller's.
using TextSink = std::function<void(std::string_view piece)>;

// Gathers text into pieces and hands each to the sink. The first full piece starts the thread, so that a short text
// needs none.
//
// Threads  Stays on one thread. The destructor waits until the pieces that were full are written.
class WriteBehind {
 public:
  explicit WriteBehind(const TextSink& sink) : sink_(sink) {}
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;
  ~WriteBehind();

  // Where to append.
  std::string& text() { return *text_; }
  // Between two rows: hands the piece on if it is full.  Errors  those of the sink, for this piece or one before
  void end_row() {
    if (text_->size() >= kPieceBytes) flush();
  }
  // Returns when all is written.  Errors  those of the sink
  void finish();

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{128} << 10;
  static constexpr std::size_t kPieces = 4;

  void flush();
  void write_all();
  void stop_and_rethrow();

  const TextSink& sink_;
  std::string direct_;  // the piece, as long as there is no thread
  std::string* text_ = &direct_;

  HandOver<std::string, kPieces> pieces_;
  std::exception_ptr error_;  // of the sink; the writer's until it has ended
  std::thread writer_;
};

}  // namespace piecemark::text
