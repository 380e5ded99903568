// A bounded queue from one thread to one other.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace piecemark::text {

// The giver fills slots, the taker empties them, in the same order. Slots are used again and again, so that what they
// hold keeps its memory.
//
// Threads  One giver and one taker. A slot belongs to whoever asked for it, until it is handed on.
template <class T, std::size_t kSlots>
class HandOver {
 public:
  // Compilers take the constructor that they would make for one that cannot throw, whatever slots do.
  HandOver() noexcept(false) {}  // NOLINT(modernize-use-equals-default)

  // The giver: a slot to fill, once one is free; nullptr after close().
  T* slot_to_fill() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return is_closed_ || given_ - taken_ < kSlots; });
    return is_closed_ ? nullptr : &slots_[given_ % kSlots];
  }
  // The slot is full.
  void hand_on() {
    {
      const std::scoped_lock lock(mutex_);
      ++given_;
    }
    filled_.notify_one();
  }
  // The giver has no more.
  void end() {
    {
      const std::scoped_lock lock(mutex_);
      has_ended_ = true;
    }
    filled_.notify_one();
  }

  // The taker: the next full slot, once there is one; nullptr after the last.
  T* slot_to_take() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return has_ended_ || taken_ < given_; });
    return taken_ < given_ ? &slots_[taken_ % kSlots] : nullptr;
  }
  // The slot is empty again. A giver that waits is told when there is room for several slots, not for each.
  void hand_back() {
    bool has_room = false;
    {
      const std::scoped_lock lock(mutex_);
      ++taken_;
      has_room = given_ - taken_ <= kSlots / 2;
    }
    if (has_room) freed_.notify_one();
  }
  // The taker wants no more.
  void close() {
    {
      const std::scoped_lock lock(mutex_);
      is_closed_ = true;
    }
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::condition_variable filled_;
  std::array<T, kSlots> slots_{};
  std::uint64_t given_ = 0;
  std::uint64_t taken_ = 0;
  bool has_ended_ = false;  // by the giver
  bool is_closed_ = false;  // by the taker
};

}  // namespace piecemark::text
