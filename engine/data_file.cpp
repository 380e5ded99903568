#include "data_file.h"

#include "lmdb_error.h"
#include "page_check.h"

namespace piecemark::engine {

void DataFile::open(os::Access access, const std::string& attempted) {
  os::FileFacts facts;
  if (auto error = os::facts_of(path_, facts)) throw_system_error(error, attempted, path_);
  if (facts.is_directory || !facts.is_regular) {
    throw Error(ErrorCode::not_a_store,
                {attempted,
                 facts.is_directory ? "a folder" : "something that is no regular file",
                 {},
                 "name the store file itself"});
  }
  if (const auto network = os::network_file_system(path_)) {
    throw Error(ErrorCode::unsupported_platform, {attempted, "a file on " + std::string(*network),
                                                  "files on local disks", "copy the file to a local disk"});
  }
  const auto open = [&](os::File& file) { return os::open_file(path_, access, file); };
  if (auto error = os::open_to_lock(file_, open)) throw_system_error(error, attempted, path_);
  if (auto error = os::facts_of(file_, facts)) throw_system_error(error, attempted, path_);
  id_ = facts.id;
}

bool DataFile::is_at_its_path() const {
  os::FileFacts facts;
  return !os::facts_of(path_, facts) && facts.id == id_;
}

void require_sound_pages(const os::File& file, const std::string& path, const char* attempted) {
  const auto damage = check_pages(file);
  if (!damage) return;
  throw Error(ErrorCode::corrupt_file, {std::string("cannot ") + attempted + " '" + path + "'",
                                        "page " + std::to_string(damage->page) + ": " + damage->reason,
                                        {},
                                        "go back to a backup, or run 'piecemark salvage'"});
}

}  // namespace piecemark::engine
