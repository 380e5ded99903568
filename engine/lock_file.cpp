#include "lock_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string_view>

#include "bytes.h"
#include "file_name.h"
#include "os.h"
#include "piecemark/error.h"

namespace piecemark::engine {
namespace {

constexpr std::string_view kSuffix = "-lock";
// Another one: no store of a short name has such a lock file.
constexpr std::string_view kSuffixOfLongNames = ".lock";
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::size_t kHeadingBytes = 64;  // Beyond the place where LMDB's data files have the same magic.
constexpr std::uint64_t kReaderBytes = 64;
constexpr std::uint64_t kTableHeadingBytes = 128;

[[noreturn]] void throw_unsafe(const std::string& path, const std::string& attempted, const char* what) {
  throw Error(ErrorCode::unsafe_lock_file,
              {attempted,
               "'" + lock_file_of(path) + "', the name of its lock file, is " + what,
               {},
               "move it away, if no program has the store open"});
}

bool is_made_by_lmdb(const os::File& file) {
  std::array<char, kHeadingBytes> heading{};
  std::size_t read_bytes = 0;
  if (os::read_at(file, 0, heading, read_bytes)) return false;
  const bool is_untouched = std::all_of(heading.begin(), heading.end(), [](char c) { return c == 0; });
  return is_untouched || (read_bytes >= sizeof kMagic && load<std::uint32_t>(heading.data()) == kMagic);
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

std::error_code reserve_lock_file(const std::string& path, unsigned readers_max,
                                  std::uint32_t store_permissions) {
  constexpr std::uint32_t kGroupReads = 040;
  constexpr std::uint32_t kOthersRead = 04;
  std::uint32_t permissions = 0600;
  if ((store_permissions & kGroupReads) != 0) permissions |= 060;
  if ((store_permissions & kOthersRead) != 0) permissions |= 04;
  const std::error_code error =
      os::reserve_file(lock_file_of(path), readers_max * kReaderBytes + kTableHeadingBytes, permissions);
  const bool is_disk_full = error == std::errc::no_space_on_device || error == std::errc::file_too_large ||
                            error == std::error_code(EDQUOT, std::generic_category());
  return is_disk_full ? error : std::error_code();
}

}  // namespace piecemark::engine
