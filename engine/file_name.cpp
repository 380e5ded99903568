#include "file_name.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "hash.h"

namespace piecemark::engine {
namespace {

constexpr std::size_t kHashBytes = 17;  // with the "~"

// Without a part of a character of UTF-8 at the end: there are file systems that refuse that.
std::string_view beginning_of(std::string_view name, std::size_t bytes) {
  while (bytes > 0 && (static_cast<unsigned char>(name[bytes]) & 0xC0U) == 0x80U) --bytes;
  return name.substr(0, bytes);
}

}  // namespace

std::string_view file_name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::string with_suffix(const std::string& path, std::string_view suffix) {
  const std::string_view name = file_name_of(path);
  if (name.size() + suffix.size() <= kFileNameMax) return path + std::string(suffix);
  std::array<char, kHashBytes + 1> hash{};
  std::snprintf(hash.data(), hash.size(), "~%016llx", static_cast<unsigned long long>(xxh3(name)));
  std::string shortened = path.substr(0, path.size() - name.size());
  shortened += beginning_of(name, kFileNameMax - kHashBytes - suffix.size());
  return shortened.append(hash.data()).append(suffix);
}

}  // namespace piecemark::engine
