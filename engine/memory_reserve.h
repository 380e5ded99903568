// Memory for a large transaction, made resident ahead.
//
// LMDB keeps every page that a transaction writes in a piece of malloc's memory until the commit. Memory that is new to
// the process costs an interrupt for each page that is touched first, which on a virtual machine can take longer than
// filling the page. One system call makes all of them resident for a small part of that.
#pragma once

#include <cstdint>

namespace piecemark::engine {

class MemoryReserve {
 public:
  // For fewer bytes than this nothing is done.
  static constexpr std::uint64_t kLeastBytes = std::uint64_t{16} << 20;

  // So many bytes, or fewer where there are not as many, lie ready for the allocations of this thread. Does nothing where
  // the system or the allocator does not go along.
  explicit MemoryReserve(std::uint64_t bytes) noexcept;
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;
  // What this process has reserved in all.
  static std::uint64_t bytes_in_all() noexcept;

  // What is not in use then goes back to the system as usual.
  ~MemoryReserve();

 private:
  void* guard_ =
      nullptr;  // Allocated last, it keeps the allocator from giving back at once what was freed before it.
};

}  // namespace piecemark::engine
