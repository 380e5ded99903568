// Text from a file or from standard input, line by line, in memory of bounded size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/os.h"

namespace piecemark::text {

inline constexpr std::size_t kLineBytesMax = std::size_t{16} << 20;

class LineReader {
 public:
  // "-" is standard input.  Errors  file_not_found, permission_denied
  explicit LineReader(const std::string& path);

  enum class Result : std::uint8_t { line, too_long, end };
  // The next line without its line feed. A line that is too long is skipped to its end. Valid until the next
  // call.
  Result next(std::string_view& line);
  // Whether next() can answer without waiting for more input.
  bool has_buffered_line() const;

  // From here on keeps what is read, so that replay() can give it once more: in a file without a name (TMPDIR), unless what
  // is read is a file.  Errors  disk_full, io_error; also of next() then
  void keep();
  // Back to where keep() was called. No next() waits for others then, if all was read.
  void replay();

  std::uint64_t line_number() const { return line_number_; }  // of the last line; the first is 1
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_total() const { return bytes_total_; }  // 0 where nobody knows
  // Whether next() may have to wait for others: a pipe, a terminal.
  bool may_wait() const { return may_wait_; }
  const std::string& path() const { return path_; }

 private:
  struct Place {
    std::uint64_t in_file = 0;
    std::uint64_t line_number = 0;
    std::uint64_t bytes_read = 0;
  };
  bool fill();
  void add_to_kept(std::string_view bytes);
  std::string_view unread() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  std::string path_;
  engine::os::File file_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what has not been returned yet
  std::size_t end_ = 0;    // of what has been read; behind it is room
  bool at_end_ = false;
  bool may_wait_ = true;
  std::uint64_t line_number_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_total_ = 0;
  Place kept_from_;
  engine::os::File kept_;
};

}  // namespace piecemark::text
