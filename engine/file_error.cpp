#include "file_error.h"

#include <cerrno>

#include "file_name.h"
#include "os.h"

namespace piecemark::engine {
namespace {

bool is_there(const std::string& path) {
  os::FileFacts facts;
  return !os::facts_of_link(path, facts);
}

// Names that cannot be created: there is a folder missing, or the file itself.
Error not_found(const std::string& attempted, const std::string& path) {
  const std::string folder = os::folder_of(path);
  if (!is_there(folder)) {
    return {
        ErrorCode::file_not_found,
        {attempted, "no such folder: '" + folder + "'", {}, "check the name, or create the folder first"}};
  }
  return {ErrorCode::file_not_found, {attempted, "no such file", {}, "check the name"}};
}

// Where it goes to a disk.
std::string free_for(const std::string& path) {
  os::FileFacts facts;
  if (!os::facts_of(path, facts) && !facts.is_regular) return {};
  return ", " + std::to_string(os::free_bytes(path)) + " bytes are free for it";
}

}  // namespace

std::optional<Error> file_name_error(int code, const std::string& attempted, const std::string& path) {
  switch (code) {
    case ENAMETOOLONG:
      return Error(ErrorCode::file_not_found,
                   {attempted, "a name that is too long for its folder",
                    "names of up to " + std::to_string(kFileNameMax) + " bytes", "choose a shorter name"});
    case EISDIR:
      return Error(ErrorCode::io_error, {attempted, "a folder", "files", "name a file in it"});
    case ENOTDIR:
      return Error(ErrorCode::file_not_found,
                   {attempted, "a file where its name has a folder", {}, "check the name"});
    case ELOOP:
      return Error(ErrorCode::file_not_found,
                   {attempted, "symbolic links that lead to each other", {}, "check the name"});
    case EMFILE:
    case ENFILE:
      return Error(ErrorCode::io_error, {attempted,
                                         code == EMFILE ? "a process that has as many files open as it may"
                                                        : "a system that has as many files open as it can",
                                         {},
                                         "close some, or raise the limit (ulimit -n)"});
    case EROFS:
      return Error(ErrorCode::permission_denied,
                   {attempted, "a file system that is mounted read-only", {}, "choose another folder"});
    case EFBIG:
      return Error(ErrorCode::disk_full,
                   {attempted,
                    "the limit on the size of files" + free_for(path),
                    {},
                    "nothing was stored; raise the limit (ulimit -f), or choose another file system"});
    case ETXTBSY:
      return Error(ErrorCode::busy, {attempted, "a program that is running", {}, "end it first"});
    default:
      return std::nullopt;
  }
}

Error file_error(std::error_code error, const std::string& attempted, const std::string& path) {
  const int code = error.value();
  if (auto of_name = file_name_error(code, attempted, path)) return *of_name;
  switch (code) {
    case ENOENT:
      return not_found(attempted, path);
    case EACCES:
    case EPERM:
      return {ErrorCode::permission_denied,
              {attempted,
               is_there(path) ? "a file that this user may not open so"
                              : "a folder that this user may not use so: '" + os::folder_of(path) + "'",
               {},
               "ask for permission, or choose another place"}};
    case ENOSPC:
    case EDQUOT:
      return {ErrorCode::disk_full,
              {attempted,
               (code == EDQUOT ? "a quota that is used up" : "a full disk") + free_for(path),
               {},
               "free some space, or choose another disk"}};
    case EPIPE:
      return {ErrorCode::io_error, {attempted, "a reader that is gone", {}, "check where the output goes"}};
    case EBADF:
      return {ErrorCode::io_error, {attempted, "a stream that is closed", {}, "check where it goes"}};
    default:
      return {ErrorCode::io_error, {attempted, error.message(), {}, "check the disk and the system log"}};
  }
}

}  // namespace piecemark::engine
