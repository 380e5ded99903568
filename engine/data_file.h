// The data file of a store, as it was opened by its path.
#pragma once

#include <string>

#include "os.h"

namespace piecemark::engine {

class DataFile {
 public:
  explicit DataFile(std::string path) : path_(std::move(path)) {}

  // Errors  file_not_found, permission_denied, not_a_store (no regular file), unsupported_platform (a network)
  void open(os::Access access, const std::string& attempted);
  void close() noexcept { file_.close(); }
  // In a forked child, which has closed the descriptor already.
  void abandon() { file_.abandon(); }

  explicit operator bool() const { return static_cast<bool>(file_); }
  const std::string& path() const { return path_; }
  const os::File& file() const { return file_; }
  const os::FileId& id() const { return id_; }
  // Whether the path leads to this file.
  bool is_at_its_path() const;

 private:
  std::string path_;
  os::File file_;
  os::FileId id_;
};

// Walks the pages (page_check.h) of a file that nobody writes meanwhile. Messages name the path.
// Errors  corrupt_file
void require_sound_pages(const os::File& file, const std::string& path, const char* attempted);

}  // namespace piecemark::engine
