#include "lock_file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string_view>
#include <thread>

#include "bytes.h"
#include "file_name.h"
#include "file_owner.h"
#include "lmdb_error.h"
#include "piecemark/error.h"
#include "record.h"

namespace piecemark::engine {
namespace {

constexpr std::string_view kSuffix = "-lock";
// Another one: no store of a short name has such a lock file.
constexpr std::string_view kSuffixOfLongNames = ".lock";
constexpr std::uint32_t kLockFileMagic = 0xBEEFC0DE;
constexpr std::size_t kHeadingBytes = 64;  // Beyond the place where LMDB's data files have the same magic.
constexpr std::uint64_t kReaderBytes = 64;
constexpr std::uint64_t kTableHeadingBytes = 128;
static_assert(kTableHeadingBytes + kSlotsOfLmdb * kReaderBytes == SharedState::kOffset + SharedState::kSize);
static_assert(kTableHeadingBytes + kReaderSlots * kReaderBytes <= SharedState::kOffset);

constexpr os::ByteRange kFirstByte{0, 1};
// Beyond the end of every file: which store the lock file is used with.
constexpr std::uint64_t kStoreRegion = std::uint64_t{1} << 62;
constexpr std::uint64_t kStoreRegionSize = std::uint64_t{1} << 48;
// Behind it: shared by all who use the lock file, and exclusive by the first one, while it resets the shared state.
constexpr os::ByteRange kUserByte{kStoreRegion + kStoreRegionSize, 1};

[[noreturn]] void throw_unsafe(const std::string& path, const std::string& attempted, const char* what) {
  throw Error(ErrorCode::unsafe_lock_file,
              {attempted,
               "'" + lock_file_of(path) + "', the name of its lock file, is " + what,
               {},
               "move it away, if no program has the store open"});
}

[[noreturn]] void throw_unusable(std::error_code error, const std::string& path,
                                 const std::string& attempted) {
  const std::string name = "'" + lock_file_of(path) + "'";
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
      error == std::errc::read_only_file_system) {
    throw Error(ErrorCode::permission_denied,
                {attempted,
                 "the lock file " + name + " may not be written: " + error.message(),
                 {},
                 "ask the owner of the store for write permission on " + name +
                     " (chown, chgrp or chmod as the store has "
                     "it) and on its folder; or, if no program has the store open, remove " +
                     name});
  }
  if (error == std::errc::too_many_symbolic_link_levels) throw_unsafe(path, attempted, "a symbolic link");
  throw_system_error(error, attempted, lock_file_of(path));
}

bool is_made_by_lmdb(const os::File& file) {
  std::array<char, kHeadingBytes> heading{};
  std::size_t read_bytes = 0;
  if (os::read_at(file, 0, heading, read_bytes)) return false;
  const bool is_untouched = std::all_of(heading.begin(), heading.end(), [](char c) { return c == 0; });
  return is_untouched ||
         (read_bytes >= sizeof kLockFileMagic && load<std::uint32_t>(heading.data()) == kLockFileMagic);
}

}  // namespace

std::string lock_file_of(const std::string& path) {
  const bool is_short = file_name_of(path).size() + kSuffix.size() <= kFileNameMax;
  return is_short ? path + std::string(kSuffix) : with_suffix(path, kSuffixOfLongNames);
}

void require_plain_lock_file(const std::string& path, const std::string& attempted) {
  os::FileFacts facts;
  if (!os::facts_of_link(lock_file_of(path), facts) && !facts.is_regular) {
    throw_unsafe(path, attempted, "a symbolic link, or no file");
  }
}

void require_own_lock_file(const std::string& path, const std::string& attempted) {
  require_plain_lock_file(path, attempted);
  os::File file;
  if (os::open_file(lock_file_of(path), os::Access::read, file))
    return;  // Missing, or for LMDB to complain of.
  if (!is_made_by_lmdb(file)) throw_unsafe(path, attempted, "another file, which would be overwritten");
}

namespace {

// Another opener may make it at the same time.
std::error_code open_or_make(const std::string& name, const os::File& store, os::File& file) {
  constexpr std::uint32_t kOwnerOnly = 0600;  // Nobody else may open it before it is as it shall be.
  std::error_code error = os::open_itself(name, file);
  if (error != std::errc::no_such_file_or_directory) return error;
  error = os::create_exclusively(name, kOwnerOnly, file);
  if (error == std::errc::file_exists) return os::open_itself(name, file);
  if (error) return error;
  FileOwner owner;
  if (error = owner_of(store, owner); error) return error;
  owner.permissions = (owner.permissions & 0666) | kOwnerOnly;
  return give_to(owner, file);
}

}  // namespace

bool LockFile::may_be_used(const std::string& path, const os::File& store) {
  const std::string name = lock_file_of(path);
  os::FileFacts facts;
  if (!os::facts_of_link(name, facts)) return os::can_write_or_create(name);
  return os::can_create_in(os::folder_of(path)) && os::acts_for_owner(store);
}

LockFile LockFile::open(const std::string& path, const os::File& store, const std::string& attempted) {
  require_own_lock_file(path, attempted);
  LockFile opened;
  const std::string name = lock_file_of(path);
  const auto open_it = [&](os::File& file) { return open_or_make(name, store, file); };
  if (auto error = os::open_to_lock(opened.file_, open_it)) throw_unusable(error, path, attempted);
  os::FileFacts facts;
  std::error_code error = os::facts_of(opened.file_, facts);
  if (!error) error = os::reserve_range(opened.file_, 0, SharedState::kOffset);
  if (!error) error = opened.shared_.map(opened.file_);
  if (error) {
    if (facts.size_bytes == 0) os::remove_quietly(name);
    opened.close();
    throw_unusable(error, path, attempted);
  }
  opened.id_ = facts.id;
  return opened;
}

bool LockFile::bind_to(const os::FileId& store) {
  const std::uint64_t hash = hash_of({reinterpret_cast<const char*>(&store), sizeof store});
  const std::uint64_t at = kStoreRegion + 1 + hash % (kStoreRegionSize - 2);
  if (os::try_lock(file_.descriptor(), {at, 1}, os::LockMode::shared)) return false;
  const os::ByteRange before{kStoreRegion, at - kStoreRegion};
  const os::ByteRange behind{at + 1, kStoreRegion + kStoreRegionSize - at - 1};
  return !os::conflicting_lock(file_.descriptor(), before, os::LockMode::exclusive) &&
         !os::conflicting_lock(file_.descriptor(), behind, os::LockMode::exclusive);
}

std::error_code LockFile::join(Deadline deadline) {
  for (;;) {
    const bool is_first = !os::try_lock(file_.descriptor(), kUserByte, os::LockMode::exclusive);
    if (is_first) shared_.reset();
    const std::error_code error = os::try_lock(file_.descriptor(), kUserByte, os::LockMode::shared);
    const bool is_making = error == std::errc::resource_unavailable_try_again;
    if (!is_making || std::chrono::steady_clock::now() >= deadline) return error;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// Should this fail, LMDB's own lock is there, as it always was.
void LockFile::protect_first_byte() {
  static_cast<void>(os::try_lock(file_.descriptor(), kFirstByte, os::LockMode::shared));
}

bool LockFile::is_at_its_path(const std::string& store_path) const {
  os::FileFacts facts;
  return !os::facts_of_link(lock_file_of(store_path), facts) && facts.id == id_;
}

bool LockFile::is_reader_locked(std::uint32_t process_id) const {
  return os::conflicting_lock(file_.descriptor(), {process_id, 1}, os::LockMode::shared).has_value();
}

void LockFile::restore_own_locks() {
  const std::uint32_t own = os::process_id();
  if (is_reader_locked(own)) return;
  static_cast<void>(os::lock_for_process(file_.descriptor(), {own, 1}, os::LockMode::exclusive));
  static_cast<void>(os::lock_for_process(file_.descriptor(), kFirstByte, os::LockMode::shared));
}

}  // namespace piecemark::engine
