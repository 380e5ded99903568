// Names of files beside another: its name and something behind it, shortened where a folder would not take that.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace piecemark::engine {

// In bytes, of all file systems that can be reckoned with.
inline constexpr std::size_t kFileNameMax = 255;

// What follows the last slash.
std::string_view file_name_of(std::string_view path);

// The path with the suffix. Where that makes a name of more than kFileNameMax bytes, the beginning of the name, "~", a hash
// of all of it in 16 hexadecimal digits, and the suffix: the same for the same name, and of no other, but for a file that
// has such a name itself.
std::string with_suffix(const std::string& path, std::string_view suffix);

}  // namespace piecemark::engine
