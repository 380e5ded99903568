#include "api/text/output_file.h"

#include <span>
#include <utility>

#include "engine/file_error.h"
#include "engine/file_owner.h"

namespace piecemark::text {
namespace {

namespace os = engine::os;

constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr int kStandardOutput = 1;
constexpr int kStandardError = 2;
constexpr std::uint32_t kOwnerWrites = 0600;

// The stream of this process that the path stands for, or that goes to the file of this name.
std::optional<int> stream_at(const std::string& path, const std::optional<os::FileFacts>& present) {
  if (path == "-") return kStandardOutput;
  if (const auto named = os::stream_named(path)) return named;
  for (const int stream : {kStandardOutput, kStandardError}) {
    os::FileFacts facts;
    os::File file = os::duplicate(stream);
    if (present && file && !os::facts_of(file, facts) && facts.id == present->id) return stream;
  }
  return std::nullopt;
}

std::uint32_t permissions_of_new(const std::string& path, const std::vector<std::string>& sources) {
  const engine::FileOwner made{.group = os::group_of_new_files(os::folder_of(path))};
  std::uint32_t permissions = engine::FileInCreation::kAnybody;
  for (const std::string& source : sources) {
    os::FileFacts facts;
    os::File file;
    engine::FileOwner owner;
    if (os::facts_of(source, facts) || !facts.is_regular) continue;
    if (os::open_file(source, os::Access::read, file) || engine::owner_of(file, owner)) continue;
    permissions &= engine::permissions_from(owner, made);
  }
  return permissions;
}

// Whether a new file can be what this one is to others: one name, and nobody let in by an access control list.
bool can_be_replaced(const std::string& path, const os::File& present, const os::FileFacts& facts) {
  return facts.names == 1 && !facts.has_special_bits && !os::group_in_access_list(present) &&
         os::can_replace(path);
}

bool is_as_open(const os::File& file, const os::FileFacts& present) {
  os::FileFacts facts;
  return !os::facts_of(file, facts) && facts.owner == present.owner && facts.group == present.group &&
         facts.permissions == present.permissions;
}

}  // namespace

OutputFile::OutputFile(const std::string& path, std::string attempted,
                       const std::vector<std::string>& sources)
    : path_(path), attempted_(std::move(attempted)) {
  os::FileFacts facts;
  const std::error_code missing = os::facts_of(path, facts);
  const auto present = missing ? std::nullopt : std::optional(facts);
  if (const auto stream = stream_at(path, present)) {
    open_stream(os::duplicate(*stream));
  } else if (!present) {
    if (missing != std::errc::no_such_file_or_directory) check(missing);
    create(sources);
  } else if (present->is_regular) {
    open_present();
  } else {
    os::File file;
    check(os::open_to_write(path, file));
    open_stream(std::move(file));
  }
}

void OutputFile::open_stream(os::File file) {
  if (!file) check(std::make_error_code(std::errc::bad_file_descriptor));
  file_ = std::move(file);
}

void OutputFile::create(const std::vector<std::string>& sources) {
  path_ = os::end_of_links(path_);
  check(os::may_create_in(os::folder_of(path_)));
  const std::uint32_t permissions = permissions_of_new(path_, sources) | kOwnerWrites;
  creation_.emplace(path_, attempted_, std::nullopt, permissions);
  if (permissions != engine::FileInCreation::kAnybody)
    static_cast<void>(os::remove_access_list(creation_->file()));
}

// Another file takes the place of the one that is there, where that makes no difference to anybody. Else the text waits in
// a file without a name.
void OutputFile::open_present() {
  path_ = os::resolved(path_);  // A symbolic link stays one.
  check(os::open_to_write(path_, present_));
  os::FileFacts facts;
  check(os::facts_of(present_, facts));
  if (can_be_replaced(path_, present_, facts)) {
    creation_.emplace(path_, attempted_,
                      engine::FileOwner{facts.owner, facts.group, facts.permissions | kOwnerWrites});
    static_cast<void>(os::set_permissions(creation_->file(), facts.permissions));
    if (is_as_open(creation_->file(), facts)) {
      present_.close();
      return;
    }
    creation_.reset();
  }
  const std::string folder = os::temporary_folder();
  if (const auto error = os::create_unnamed(folder, file_))
    throw engine::file_error(error, attempted_ + ", which needs a file in '" + folder + "'",
                             folder + "/file");
}

void OutputFile::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void OutputFile::flush() {
  check(os::write_next(creation_ ? creation_->file() : file_, buffer_));
  buffer_.clear();
}

void OutputFile::complete() {
  flush();
  if (creation_) check(os::sync_data(creation_->file()));
}

void OutputFile::finish() {
  if (creation_) {
    check(creation_->replace_name());
    creation_->keep();
  } else if (present_) {
    rewrite_present();
  }
}

void OutputFile::rewrite_present() {
  os::FileFacts text;
  check(os::facts_of(file_, text));
  check(os::set_size(present_, 0));
  check(os::copy_bytes(file_, present_, text.size_bytes));
}

void OutputFile::check(std::error_code error) const {
  if (error) throw engine::file_error(error, attempted_, path_);
}

}  // namespace piecemark::text
