#include "api/text/input.h"

#include "engine/os.h"
#include "piecemark/error.h"

namespace piecemark::text {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path) {
  const std::string attempted = "cannot read '" + path + "'";
  if (path == "-") {
    path_ = "standard input";
    file_ = engine::os::standard_input();
    return;
  }
  engine::os::FileFacts facts;
  auto error = engine::os::open_file(path, engine::os::Access::read, file_);
  if (!error) error = engine::os::facts_of(file_, facts);
  if (error == std::errc::no_such_file_or_directory) {
    throw Error(ErrorCode::file_not_found, {attempted, "no such file", {}, "check the name"});
  }
  if (error == std::errc::permission_denied) {
    throw Error(ErrorCode::permission_denied,
                {attempted, error.message(), {}, "ask for permission to read the file"});
  }
  if (error)
    throw Error(ErrorCode::io_error, {attempted, error.message(), {}, "check the disk and the system log"});
  if (facts.is_directory) {
    throw Error(ErrorCode::io_error, {attempted, "a folder", "CSV and NDJSON files", "name a file in it"});
  }
  bytes_total_ = facts.is_regular ? facts.size_bytes : 0;
}

// Reads more; false at the end of the file.
bool LineReader::fill() {
  if (at_end_) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + kChunk);
  std::size_t got = 0;
  if (const auto error = engine::os::read_next(file_, std::span(buffer_).subspan(kept), got)) {
    throw Error(ErrorCode::io_error,
                {"cannot read '" + path_ + "'", error.message(), {}, "check the disk and the system log"});
  }
  buffer_.resize(kept + got);
  at_end_ = got == 0;
  return !at_end_;
}

bool LineReader::has_buffered_line() const {
  return buffer_.find('\n', begin_) != std::string::npos;
}

LineReader::Result LineReader::next(std::string_view& line) {
  bool is_too_long = false;
  std::size_t searched = 0;
  for (;;) {
    const auto end = buffer_.find('\n', begin_ + searched);
    if (end != std::string::npos || (at_end_ && begin_ < buffer_.size()) || (at_end_ && is_too_long)) {
      const bool has_line_feed = end != std::string::npos;
      const std::size_t size = (has_line_feed ? end : buffer_.size()) - begin_;
      line = std::string_view(buffer_).substr(begin_, size);
      begin_ += size + (has_line_feed ? 1 : 0);
      bytes_read_ += size + (has_line_feed ? 1 : 0);
      ++line_number_;
      return is_too_long || size > kLineBytesMax ? Result::too_long : Result::line;
    }
    if (at_end_) return Result::end;
    searched = buffer_.size() - begin_;
    if (searched > kLineBytesMax) {
      is_too_long = true;
      bytes_read_ += searched;
      begin_ = buffer_.size();
      searched = 0;
    }
    fill();
  }
}

}  // namespace piecemark::text
