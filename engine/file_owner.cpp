#include "file_owner.h"

namespace piecemark::engine {
namespace {

constexpr std::uint32_t kOwner = 0700;
constexpr std::uint32_t kGroup = 070;
constexpr std::uint32_t kOthers = 07;

bool is_not_allowed(std::error_code error) {
  return error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
         error == std::errc::invalid_argument ||  // an owner that the user namespace does not know
         error == std::errc::not_supported || error == std::errc::operation_not_supported;
}

std::error_code unless_not_allowed(std::error_code error) {
  return is_not_allowed(error) ? std::error_code() : error;
}

}  // namespace

std::error_code owner_of(const os::File& file, FileOwner& owner) {
  os::FileFacts facts;
  if (auto error = os::facts_of(file, facts)) return error;
  // With an access control list these are the most that anybody in it may.
  const std::uint32_t of_group = os::group_in_access_list(file).value_or(kGroup >> 3) << 3;
  owner = {facts.owner, facts.group, facts.permissions & (kOwner | kOthers | of_group)};
  return {};
}

std::error_code give_to(const FileOwner& owner, const os::File& file) {
  if (auto error = unless_not_allowed(os::remove_access_list(file))) return error;
  if (auto error = os::set_owner(file, owner.owner, owner.group)) {
    if (!is_not_allowed(error)) return error;
    os::FileFacts facts;
    if (error = os::facts_of(file, facts); error) return error;
    if (error = unless_not_allowed(os::set_owner(file, facts.owner, owner.group)); error) return error;
  }
  FileOwner given;
  if (auto error = owner_of(file, given)) return error;
  return unless_not_allowed(os::set_permissions(file, permissions_from(owner, given)));
}

std::uint32_t permissions_from(const FileOwner& source, const FileOwner& made) {
  if (source.group == made.group) return source.permissions;
  const std::uint32_t of_both = source.permissions >> 3 & source.permissions & kOthers;
  return (source.permissions & kOwner) | of_both << 3 | of_both;
}

}  // namespace piecemark::engine
