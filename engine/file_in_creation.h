// A file that is being written under a temporary name, beside the one that it is to get once it is complete and durable.
// It is removed with the object, unless it is kept. Its gate, which is closed (file_locks.h), tells others
// that it is not what a killed process has left, and keeps them from opening it before its names are final.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "file_owner.h"
#include "os.h"
#include "piecemark/error.h"

namespace piecemark::engine {

class FileInCreation {
 public:
  static constexpr std::uint32_t kAnybody = 0666;  // whom the umask lets

  // Removes what killed creations of this file have left. `attempted` begins the messages. Without an owner to give it to
  // the file is as any new one of this process with these permissions. From the beginning it is open to nobody who may not open it in the end.
  // Errors  file_not_found  no such folder; permission_denied, disk_full, io_error
  FileInCreation(std::string path, const std::string& attempted, const std::optional<FileOwner>& owner,
                 std::uint32_t permissions = kAnybody);
  FileInCreation(const FileInCreation&) = delete;
  FileInCreation& operator=(const FileInCreation&) = delete;
  ~FileInCreation();

  const std::string& temporary() const { return temporary_; }
  const os::File& file() const { return file_; }

  // Takes the name that it was made for; std::errc::file_exists where that is taken. Not kept, it is removed there.
  std::error_code take_name();
  // The same, in the place of the file that may have it.
  std::error_code replace_name();
  void keep() noexcept { present_ = nullptr; }

  // Whether the error speaks of it under its temporary name.
  bool is_named_in(const Error& error) const;
  // The error as it concerns the file that it is to be.
  Error renamed(const Error& error) const;

 private:
  static constexpr std::size_t kNotListed = SIZE_MAX;

  explicit FileInCreation(std::string path) : path_(std::move(path)) {}
  void list_temporary() noexcept;
  void unlist() noexcept;
  bool try_create(const std::string& attempted, std::uint32_t permissions);
  bool has_its_name() const;

  std::string path_;
  std::string temporary_;
  const std::string* present_ = nullptr;  // the name to remove, if any
  std::size_t listed_ = kNotListed;       // for remove_files_in_creation()
  os::File file_;
};

// Removes what this process has in creation just then. For a handler of a signal that ends the process.
void remove_files_in_creation() noexcept;

std::string new_temporary_name(const std::string& path);
// Whether `name`, without its folder, is a temporary name of the file at `path`.
bool is_name_in_creation(std::string_view name, const std::string& path);

}  // namespace piecemark::engine
