// Where text goes that the caller names: a file, standard output, or whatever else has a name.
//
// A regular file changes as a whole, once the text is complete: a new file, which is open to nobody who may not read all of
// the sources of the text; or another content for the one that is there, which keeps its owner, its group and its
// permissions. What is no regular file, and what a stream of this process goes to (/dev/stdout), is written to as it
// comes, behind what is there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file_in_creation.h"
#include "engine/os.h"

namespace piecemark::text {

class OutputFile {
 public:
  // "-" is standard output. `attempted` begins the messages: "cannot write 'rows.csv'". `sources`: files whose content
  // the text comes from; those that are no regular files count for nothing.
  // Errors  file_not_found, permission_denied, disk_full, io_error; here and in the calls below
  OutputFile(const std::string& path, std::string attempted, const std::vector<std::string>& sources);

  void write(std::string_view text);
  // The text is complete, and on the disk. A regular file is still as it was.
  void complete();
  // After complete(): a regular file has it now. Not called, it stays as it was.
  void finish();

 private:
  void open_stream(engine::os::File file);
  void create(const std::vector<std::string>& sources);
  void open_present();
  void flush();
  void rewrite_present();
  void check(std::error_code error) const;

  std::string path_;
  std::string attempted_;
  std::string buffer_;
  engine::os::File file_;  // that takes the text, unless it is creation_
  std::optional<engine::FileInCreation> creation_;
  engine::os::File present_;  // whose content is to be that of file_ in the end
};

}  // namespace piecemark::text
