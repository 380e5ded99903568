// Runs a fuzz target over files, and over all files of folders.
#include <filesystem>
#include <iostream>

#include "target.h"
#include "tests/support/temporary.h"

namespace {

namespace fs = std::filesystem;

void run(const fs::path& file, std::size_t& count) {
  std::cout << file.string() << std::endl;  // Before it crashes.
  const std::string content = piecemark::testing::read_file(file);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  ++count;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i])) {
      for (const auto& entry : fs::directory_iterator(argv[i])) run(entry.path(), count);
    } else {
      run(argv[i], count);
    }
  }
  std::cout << count << " inputs\n";
  return count > 0 ? 0 : 1;
}
