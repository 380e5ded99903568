#include "api/text/write_behind.h"

#include <system_error>
#include <utility>

namespace piecemark::text {

WriteBehind::~WriteBehind() {
  if (!writer_.joinable()) return;
  pieces_.end();
  writer_.join();
}

void WriteBehind::flush() {
  if (!writer_.joinable()) {
    try {
      writer_ = std::thread([this] { write_all(); });
    } catch (const std::system_error&) {
      // No more threads are to be had: the caller's own does the work.
      sink_(direct_);
      direct_.clear();
      return;
    }
    text_ = pieces_.slot_to_fill();
    text_->swap(direct_);
  }
  pieces_.hand_on();
  text_ = pieces_.slot_to_fill();
  if (text_ == nullptr) {
    text_ = &direct_;
    stop_and_rethrow();
  }
  text_->clear();
}

void WriteBehind::finish() {
  if (!writer_.joinable()) {
    sink_(direct_);
    direct_.clear();
    return;
  }
  pieces_.hand_on();
  stop_and_rethrow();
}

void WriteBehind::stop_and_rethrow() {
  pieces_.end();
  writer_.join();
  text_ = &direct_;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WriteBehind::write_all() {
  try {
    while (const std::string* piece = pieces_.slot_to_take()) {
      sink_(*piece);
      pieces_.hand_back();
    }
  } catch (...) {
    error_ = std::current_exception();
    pieces_.close();
  }
}

}  // namespace piecemark::text
