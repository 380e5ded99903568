// Whose a file is that is made beside another one or from what that holds, and who may do what with it: never more people
// than with that one.
#pragma once

#include <cstdint>
#include <system_error>

#include "os.h"

namespace piecemark::engine {

struct FileOwner {
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::uint32_t permissions = 0;  // of owner, group and others

  friend bool operator==(const FileOwner&, const FileOwner&) = default;
};

// Those of a file. An access control list is left out: people whom only that lets in are not let in elsewhere.
std::error_code owner_of(const os::File& file, FileOwner& owner);

// Gives them to a file of this process, as far as it may: not everybody may give files away, or to every group. Where the
// group is not kept, the new one and others may what both the old one and others might. An access control list that the
// file has from its folder goes. Until then only its owner should have been allowed to open it.
// Errors  those of the system, other than that it does not let this process
std::error_code give_to(const FileOwner& owner, const os::File& file);

// The permissions that a new file may have at most which this process makes, and keeps, from what the other one holds.
std::uint32_t permissions_from(const FileOwner& source, const FileOwner& made);

}  // namespace piecemark::engine
