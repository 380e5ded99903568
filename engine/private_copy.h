// A copy of a store that only this process knows, for readers that may not write the lock file: no writer could know what they
// read, and keep it from being overwritten.
#pragma once

#include <string>

#include "os.h"
#include "waiting.h"

namespace piecemark::engine {

class PrivateCopy {
 public:
  PrivateCopy() = default;
  // Copies the file to one without a name: in the folder for temporary files, or, where
  // that has no room, in memory.
  // Errors  disk_full, io_error
  PrivateCopy(const os::File& original, const std::string& path, const std::string& attempted);

  explicit operator bool() const { return static_cast<bool>(file_); }
  // Whether all of it is of one commit. LMDB leaves the pages of the last commit alone: it is, unless there were others
  // meanwhile.
  bool is_whole(const os::File& original) const;
  const os::File& file() const { return file_; }
  // A name that leads to it in this process.
  std::string name() const;
  // Whether it was copied since then, or the original is as it was when it was copied.
  bool is_current(const os::File& original, Deadline copied_since) const;

 private:
  static std::string state_of(const os::File& original);

  os::File file_;
  std::string copied_state_;
  Deadline began_;
};

}  // namespace piecemark::engine
