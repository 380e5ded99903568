#include "file_in_creation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "file_locks.h"
#include "file_name.h"
#include "lmdb_error.h"
#include "piecemark/uuid.h"

namespace piecemark::engine {
namespace {

constexpr std::string_view kNewInfix = ".new-";
constexpr std::uint32_t kOwnerOnly = 0600;

// The temporary names of this process, where a handler of a signal can read them.
struct Listed {
  std::atomic<bool> is_taken{false};
  std::atomic<bool> is_valid{false};
  std::array<char, 4096> name{};
};
std::array<Listed, 8> listed_files;

std::string temporary_name(const std::string& path, std::string_view id) {
  return with_suffix(path, std::string(kNewInfix).append(id));
}

// Nobody holds their gate any more. They are removed while this process does: whoever creates a file looks for its name
// once it has the gate.
void remove_abandoned_creations(const std::string& path) {
  const std::string folder = path.substr(0, path.size() - file_name_of(path).size());
  for (const std::string& name : os::neighbours_of(path)) {
    os::File abandoned;
    const auto open = [&](os::File& file) {
      return os::open_file(folder + name, os::Access::read_write, file);
    };
    if (!is_name_in_creation(name, path) || os::open_to_lock(abandoned, open)) continue;
    if (FileLocks(abandoned.descriptor(), folder + name).try_acquire(FileLock::gate, os::LockMode::exclusive))
      os::remove_quietly(folder + name);
  }
}

}  // namespace

bool is_name_in_creation(std::string_view name, const std::string& path) {
  if (name.size() < Uuid::kTextSize) return false;
  const std::string_view text = name.substr(name.size() - Uuid::kTextSize);
  const auto id = Uuid::parse(text);
  return id && id->to_string() == text && name == file_name_of(temporary_name(path, text));
}

std::string new_temporary_name(const std::string& path) {
  return temporary_name(path, Uuid::generate().to_string());
}

FileInCreation::FileInCreation(std::string path, const std::string& attempted,
                               const std::optional<FileOwner>& owner, std::uint32_t permissions)
    : FileInCreation(
          std::move(path)) {  // From here on a failure runs the destructor, which removes the file.
  remove_abandoned_creations(path_);
  while (!try_create(attempted, owner ? kOwnerOnly : permissions)) {
  }
  if (!owner) return;
  if (auto error = give_to(*owner, file_)) throw_system_error(error, attempted, path_);
}

// False where another creator has met the file before it was locked, and took it for one that was left behind.
bool FileInCreation::try_create(const std::string& attempted, std::uint32_t permissions) {
  temporary_ = new_temporary_name(path_);
  const auto create = [&](os::File& file) { return os::create_exclusively(temporary_, permissions, file); };
  if (auto error = os::open_to_lock(file_, create)) {
    if (error != std::errc::no_such_file_or_directory) throw_system_error(error, attempted, path_);
    throw Error(ErrorCode::file_not_found, {attempted, "no such folder", {}, "create the folder first"});
  }
  present_ = &temporary_;
  list_temporary();
  // Where a file system has no locks, nobody gets the one that it takes to remove the file.
  const auto is_locked = [&] {
    try {
      return FileLocks(file_.descriptor(), temporary_).try_acquire(FileLock::gate, os::LockMode::exclusive);
    } catch (const Error& error) {
      return error.code() == ErrorCode::unsupported_platform;
    }
  };
  if (is_locked() && has_its_name()) return true;
  os::remove_quietly(temporary_);
  file_.close();
  return false;
}

bool FileInCreation::has_its_name() const {
  os::FileFacts by_name;
  os::FileFacts facts;
  return !os::facts_of_link(temporary_, by_name) && !os::facts_of(file_, facts) && by_name.id == facts.id;
}

FileInCreation::~FileInCreation() {
  if (present_ != nullptr) os::remove_quietly(*present_);
  unlist();
}

// Where there is no room, the next creation of the same file removes what this one may leave.
void FileInCreation::list_temporary() noexcept {
  unlist();
  for (std::size_t i = 0; i < listed_files.size(); ++i) {
    Listed& listed = listed_files[i];
    if (temporary_.size() >= listed.name.size() || listed.is_taken.exchange(true)) continue;
    std::copy_n(temporary_.c_str(), temporary_.size() + 1, listed.name.begin());
    listed.is_valid = true;
    listed_ = i;
    return;
  }
}

void FileInCreation::unlist() noexcept {
  if (listed_ == kNotListed) return;
  listed_files[listed_].is_valid = false;
  listed_files[listed_].is_taken = false;
  listed_ = kNotListed;
}

void remove_files_in_creation() noexcept {
  for (const Listed& listed : listed_files) {
    if (listed.is_valid) os::remove_in_handler(listed.name.data());
  }
}

std::error_code FileInCreation::take_name() {
  const std::error_code error = os::rename_without_replacing(temporary_, path_);
  if (!error) present_ = &path_;
  return error;
}

std::error_code FileInCreation::replace_name() {
  const std::error_code error = os::rename_replacing(temporary_, path_);
  if (!error) present_ = &path_;
  return error;
}

bool FileInCreation::is_named_in(const Error& error) const {
  return std::string_view(error.what()).find(temporary_) != std::string_view::npos;
}

Error FileInCreation::renamed(const Error& error) const {
  Error::Facts facts = error.facts();
  for (std::string* text : {&facts.attempted, &facts.found, &facts.next}) {
    const std::size_t at = text->find(temporary_);
    if (at != std::string::npos) text->replace(at, temporary_.size(), path_);
  }
  return {error.code(), std::move(facts)};
}

}  // namespace piecemark::engine
