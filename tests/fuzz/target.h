// What every fuzz target defines, and what some need. Each is linked twice: with libFuzzer, which looks for inputs that
// crash it, and with replay.cpp, an ordinary test that runs the inputs kept in corpus/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace piecemark::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Ends the process: something that always holds does not.
void require(bool holds, const char* what);

// A file in memory alone.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  int descriptor() const { return descriptor_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// A folder in memory, where the system has one: commits wait for no disk there. Call it before the first
// testing::TemporaryFolder is made.
void prefer_memory();

}  // namespace piecemark::fuzz
