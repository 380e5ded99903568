#include "memory_reserve.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>

#include "os.h"

// NOLINTBEGIN(cppcoreguidelines-no-malloc): it is malloc's own memory that is prepared here.
namespace piecemark::engine {
namespace {

constexpr std::size_t kPieceBytes = MemoryReserve::kLeastBytes;
// Too large for a gap further down.
constexpr std::size_t kGuardBytes = std::size_t{1} << 20;

// Lies at the beginning of each piece of the reserve.
struct Piece {
  Piece* before;
};

std::atomic<std::uint64_t> reserved_in_all{0};

// Once a larger piece was given back, the C library takes pieces of this size from where it takes small ones, instead of
// mapping each by itself.
void let_allocator_keep_large_pieces() noexcept {
  void* volatile large =
      std::malloc(kPieceBytes + kPieceBytes / 2);  // Volatile: or the compiler leaves both out.
  std::free(large);
}

}  // namespace

MemoryReserve::MemoryReserve(std::uint64_t bytes) noexcept {
  if (bytes < kPieceBytes) return;
  let_allocator_keep_large_pieces();
  Piece* newest = nullptr;
  for (std::uint64_t reserved = kPieceBytes; reserved <= bytes; reserved += kPieceBytes) {
    auto* piece = static_cast<Piece*>(std::malloc(kPieceBytes));
    if (piece == nullptr) break;
    os::make_resident(reinterpret_cast<char*>(piece), kPieceBytes);
    reserved_in_all += kPieceBytes;
    piece->before = newest;
    newest = piece;
  }
  guard_ = std::malloc(kGuardBytes);
  while (newest != nullptr) {
    Piece* const before = newest->before;
    std::free(newest);
    newest = before;
  }
}

std::uint64_t MemoryReserve::bytes_in_all() noexcept {
  return reserved_in_all;
}

MemoryReserve::~MemoryReserve() {
  std::free(guard_);
}

}  // namespace piecemark::engine
// NOLINTEND(cppcoreguidelines-no-malloc)
