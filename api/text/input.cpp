#include "api/text/input.h"

#include <algorithm>
#include <utility>

#include "engine/file_error.h"
#include "piecemark/error.h"

namespace piecemark::text {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path) {
  engine::os::FileFacts facts;
  if (path == "-") {
    path_ = "standard input";
    file_ = engine::os::standard_input();
    may_wait_ = engine::os::facts_of(file_, facts) || !facts.is_regular;
    return;
  }
  auto error = engine::os::open_file(path, engine::os::Access::read, file_);
  if (!error) error = engine::os::facts_of(file_, facts);
  if (!error && facts.is_directory) error = std::make_error_code(std::errc::is_a_directory);
  if (error) throw engine::file_error(error, "cannot read '" + path + "'", path);
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
    throw engine::file_error(error, "cannot read '" + path_ + "'", path_);
  }
  if (kept_) add_to_kept(std::string_view(buffer_).substr(end_, got));
  end_ += got;
  at_end_ = got == 0;
  return !at_end_;
}

bool LineReader::has_buffered_line() const {
  return unread().find('\n') != std::string_view::npos;
}

void LineReader::add_to_kept(std::string_view bytes) {
  if (const auto error = engine::os::write_next(kept_, bytes)) {
    const std::string folder = engine::os::temporary_folder();
    throw engine::file_error(error, "cannot keep what '" + path_ + "' holds in '" + folder + "'", folder);
  }
}

void LineReader::keep() {
  if (may_wait_) {
    const std::string folder = engine::os::temporary_folder();
    if (const auto error = engine::os::create_unnamed(folder, kept_))
      throw engine::file_error(error, "cannot make a file in '" + folder + "'", folder);
    add_to_kept(unread());
  }
  const std::uint64_t place = may_wait_ ? 0 : engine::os::place_of(file_).value_or(0) - unread().size();
  kept_from_ = {place, line_number_, bytes_read_};
}

void LineReader::replay() {
  if (kept_) {
    file_ = std::move(kept_);
    may_wait_ = false;
    bytes_total_ = bytes_read_;
  }
  if (const auto error = engine::os::go_to(file_, kept_from_.in_file))
    throw engine::file_error(error, "cannot read '" + path_ + "' once more", path_);
  begin_ = end_ = 0;
  at_end_ = false;
  line_number_ = kept_from_.line_number;
  bytes_read_ = kept_from_.bytes_read;
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
