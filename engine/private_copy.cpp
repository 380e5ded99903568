#include "private_copy.h"

#include "bytes.h"
#include "lmdb_error.h"

namespace piecemark::engine {
namespace {

constexpr std::size_t kMetaBytes = 2 * 4096;  // Both meta pages, where pages are of the usual size.

std::error_code copy_to(const os::File& original, std::uint64_t bytes, os::File& copy) {
  if (auto error = os::copy_bytes(original, copy, bytes)) {
    copy.close();
    return error;
  }
  return {};
}

}  // namespace

PrivateCopy::PrivateCopy(const os::File& original, const std::string& path, const std::string& attempted)
    : copied_state_(state_of(original)), began_(std::chrono::steady_clock::now()) {
  os::FileFacts facts;
  std::error_code error = os::facts_of(original, facts);
  if (!error) error = os::create_unnamed(os::temporary_folder(), file_);
  if (!error) error = copy_to(original, facts.size_bytes, file_);
  if (error && !os::create_in_memory(file_)) error = copy_to(original, facts.size_bytes, file_);
  if (!error) return;
  throw_system_error(error, attempted, path);
}

std::string PrivateCopy::name() const {
  return "/proc/self/fd/" + std::to_string(file_.descriptor());
}

// Every commit changes a meta page, and the time of the file.
std::string PrivateCopy::state_of(const os::File& original) {
  std::string state(kMetaBytes, '\0');
  std::size_t read_bytes = 0;
  os::FileFacts facts;
  if (os::read_at(original, 0, {state.data(), state.size()}, read_bytes) || os::facts_of(original, facts))
    return {};
  append(state, facts.size_bytes);
  append(state, facts.modified_ns);
  return state;
}

bool PrivateCopy::is_whole(const os::File& original) const {
  return state_of(original).substr(0, kMetaBytes) == copied_state_.substr(0, kMetaBytes);
}

bool PrivateCopy::is_current(const os::File& original, Deadline copied_since) const {
  return began_ >= copied_since || state_of(original) == copied_state_;
}

}  // namespace piecemark::engine
