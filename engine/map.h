// The LMDB environment of an open file and its map: begins transactions, and changes the size of the map while there are
// none. The only owner of an MDB_env.
//
// Invariants
//   - LMDB may not change the map while a transaction of this process is open. Users of the environment are inside
//     (enter, leave); the size changes while none is.
//   - Address space that a file needs is never given back while it is open: the map only grows.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "piecemark/error.h"
#include "waiting.h"

struct MDB_env;
struct MDB_txn;

namespace piecemark::engine {

class WriterThread;

struct MapOptions {
  bool read_only = false;
  bool without_lock_file = false;  // No other process writes the file, or needs to know its readers.
  std::uint64_t size_bytes = 0;
  std::uint32_t busy_timeout_ms = 10'000;
};

// The lock file says what cannot be of this data file.
class UnsettledLockFile final : public Error {
 public:
  UnsettledLockFile(const std::string& path, std::string found);
};

// A process of another namespace of process ids has the same id, and has the file open.
class ProcessIdTaken final : public Error {
 public:
  ProcessIdTaken(const std::string& attempted, const std::string& path);
};

class Map {
 public:
  explicit Map(const std::string& path) : path_(path) {}
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  ~Map() { close(); }

  // `file` is what LMDB shall open; messages name the path that this object has.
  // Errors  UnsettledLockFile, unsupported_platform, and those of the system
  void open(const std::string& file, MapOptions options);
  void close() noexcept;
  // In a forked child, where it belongs to the parent.
  void abandon() noexcept { handle_ = nullptr; }
  MDB_env* handle() const { return handle_; }
  const MapOptions& options() const { return options_; }

  // Between the two, the map stays where it is.
  void enter();
  void leave() noexcept;
  bool is_entered() const { return inside_.load() > 0; }
  class Visit {
   public:
    explicit Visit(Map& map) : map_(&map) { map.enter(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      if (map_ != nullptr) map_->leave();
    }
    // The transaction that was begun leaves at its end.
    void stay() { map_ = nullptr; }

   private:
    Map* map_;
  };

  // Begins a transaction of LMDB, on that thread, if one is given. The caller is inside, and still is when this throws.
  MDB_txn* begin(unsigned flags, const char* attempted, WriterThread* thread = nullptr);

  // Keeps at least half of the map free, as far as no transaction is open. The caller is not inside, and holds the write
  // lock.
  void grow_if_needed();
  // A transaction has met the end of the map: `grow_if_needed` holds new ones back for a moment, until those that are open
  // have ended.
  void want_larger() { wants_larger_ = true; }
  // The error for it.
  Error full_map(const std::string& attempted) const;

  // From now on every use is refused: nobody knows what memory and file hold.
  void poison() { is_poisoned_ = true; }
  bool is_poisoned() const { return is_poisoned_.load(std::memory_order_relaxed); }
  // Grows whenever the map moves.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  std::uint64_t size_bytes() const;
  std::uint64_t pages_used() const;
  std::uint64_t bytes_used() const;
  std::uint32_t readers() const;

 private:
  int open_with_lock_file(const std::string& file, unsigned flags, const std::string& attempted);
  bool try_resize(std::uint64_t bytes, std::uint32_t timeout_ms);

  const std::string& path_;
  MapOptions options_;
  MDB_env* handle_ = nullptr;
  std::atomic<std::int64_t> inside_{0};
  std::atomic<bool> resizing_{false};
  std::mutex resize_mutex_;
  std::atomic<bool> wants_larger_{false};
  // Waiting was in vain: not again until all that were inside have left.
  std::atomic<bool> waited_in_vain_{false};
  std::atomic<bool> is_poisoned_{false};
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace piecemark::engine
