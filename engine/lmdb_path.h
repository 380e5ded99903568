// The path by which LMDB opens a store. LMDB looks for the lock file behind that path and "-lock", a name that no folder takes
// where that of the store is long. Such a store is opened through a folder of this process, which is there only while it is
// opened, with a short symbolic link to the store and one to the lock file.
#pragma once

#include <string>

namespace piecemark::engine {

class LmdbPath {
 public:
  // `store` is absolute, or has a short name.
  // Errors  permission_denied, disk_full, io_error  the folder for temporary files takes no folder
  LmdbPath(const std::string& store, const std::string& attempted);
  LmdbPath(const LmdbPath&) = delete;
  LmdbPath& operator=(const LmdbPath&) = delete;
  ~LmdbPath();

  const std::string& get() const { return path_; }

 private:
  void remove_links() noexcept;

  std::string path_;
  std::string folder_;  // empty where there is none
};

}  // namespace piecemark::engine
