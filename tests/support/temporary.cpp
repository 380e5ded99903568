#include "tests/support/temporary.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "api/text/json_writer.h"

namespace piecemark::testing {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "piecemark-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create a folder like " + name);
  folder_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string TemporaryFolder::write(std::string_view name, std::string_view content) const {
  std::ofstream(folder_ / name, std::ios::binary) << content;
  return path(name);
}

std::string read_file(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::optional<fs::path> real_data() {
  const char* given = std::getenv("PIECEMARK_DATA");
  const fs::path folder =
      given != nullptr ? fs::path(given) : fs::path(PIECEMARK_SOURCE_DIR) / "../shared/data";
  return fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

std::string dump(const ReadTxn& snapshot) {
  std::string text;
  for (const Drawing& drawing : snapshot.drawings()) {
    text += "drawing ";
    text::append_json(text, drawing);
    text += '\n';
  }
  for (const ComponentView& component : snapshot.sorted()) {
    text += "component ";
    text::append_json(text, component.row());
    text += '\n';
  }
  return text;
}

std::string dump(const Store& store) {
  const ReadTxn snapshot = store.read();
  return dump(snapshot);
}

}  // namespace piecemark::testing
