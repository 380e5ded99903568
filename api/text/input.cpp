#include "api/text/input.h"

#include <algorithm>
#include <utility>

#include "engine/os.h"
#include "piecemark/error.h"

namespace piecemark::text {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path) {
  const std::string attempted = "cannot read '" + path + "'";
  engine::os::FileFacts facts;
  if (path == "-") {
    path_ = "standard input";
    file_ = engine::os::standard_input();
    may_wait_ = engine::os::facts_of(file_, facts) || !facts.is_regular;
    return;
  }
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
  may_wait_ = !facts.is_regular;
}

// Reads more; false at the end of the file.
bool LineReader::fill() {
  if (at_end_) return false;
  std::copy(buffer_.data() + begin_, buffer_.data() + end_, buffer_.data());
  end_ -= std::exchange(begin_, 0);
  if (buffer_.size() < end_ + kChunk) buffer_.resize(end_ + kChunk);
  std::size_t got = 0;
  if (const auto error = engine::os::read_next(file_, std::span(buffer_).subspan(end_, kChunk), got)) {
    throw Error(ErrorCode::io_error,
                {"cannot read '" + path_ + "'", error.message(), {}, "check the disk and the system log"});
  }
  end_ += got;
  at_end_ = got == 0;
  return !at_end_;
}

bool LineReader::has_buffered_line() const {
  return unread().find('\n') != std::string_view::npos;
}

LineReader::Result LineReader::next(std::string_view& line) {
  bool is_too_long = false;
  std::size_t searched = 0;
  for (;;) {
    const std::string_view rest = unread();
    const auto line_feed = rest.find('\n', searched);
    const bool has_line_feed = line_feed != std::string_view::npos;
    if (has_line_feed || (at_end_ && (!rest.empty() || is_too_long))) {
      line = rest.substr(0, line_feed);
      const std::size_t consumed = line.size() + (has_line_feed ? 1 : 0);
      begin_ += consumed;
      bytes_read_ += consumed;
      ++line_number_;
      return is_too_long || line.size() > kLineBytesMax ? Result::too_long : Result::line;
    }
    if (at_end_) return Result::end;
    searched = rest.size();
    if (searched > kLineBytesMax) {
      is_too_long = true;
      bytes_read_ += searched;
      begin_ = end_;
      searched = 0;
    }
    fill();
  }
}

}  // namespace piecemark::text
