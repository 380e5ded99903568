#include "lmdb_path.h"

#include "lmdb_error.h"
#include "lock_file.h"
#include "os.h"

namespace piecemark::engine {
namespace {

constexpr const char* kLockSuffixOfLmdb = "-lock";

}  // namespace

LmdbPath::LmdbPath(const std::string& store, const std::string& attempted) : path_(store) {
  const std::string lock_file = lock_file_of(store);
  if (lock_file == store + kLockSuffixOfLmdb) return;
  std::error_code error = os::create_private_folder(os::temporary_folder(), folder_);
  path_ = folder_ + "/store";
  if (!error) error = os::add_symbolic_link(store, path_);
  if (!error) error = os::add_symbolic_link(lock_file, path_ + kLockSuffixOfLmdb);
  if (!error) return;
  remove_links();
  throw Error(opening_error(error.value(), attempted, store).code(),
              {attempted,
               "a name of more than 250 bytes, which takes a folder in '" + os::temporary_folder() +
                   "': " + error.message(),
               {},
               "choose a name of up to 250 bytes, or let TMPDIR name a folder that takes others"});
}

LmdbPath::~LmdbPath() {
  remove_links();
}

void LmdbPath::remove_links() noexcept {
  if (folder_.empty()) return;
  os::remove_quietly(path_);
  os::remove_quietly(path_ + kLockSuffixOfLmdb);
  os::remove_folder_quietly(folder_);
}

}  // namespace piecemark::engine
