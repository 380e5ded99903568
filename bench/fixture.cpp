#include "fixture.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include <stdexcept>
#include <string>
#include <system_error>

namespace piecemark::bench {

TemporaryFolder::TemporaryFolder() {
  const std::filesystem::path parent = std::filesystem::temp_directory_path();
  struct statfs filesystem {};
  if (statfs(parent.c_str(), &filesystem) == 0 && filesystem.f_type == TMPFS_MAGIC) {
    throw std::runtime_error(parent.string() + " lies in memory: set TMPDIR to a folder on a disk");
  }
  std::string path = (parent / "piecemark-bench-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make a folder in " + parent.string());
  }
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Contender& Fixture::loaded() {
  if (!loaded_) {
    auto store = new_store();
    store->contender().bulk_load(workload_);
    loaded_ = std::move(store);
  }
  return loaded_->contender();
}

}  // namespace piecemark::bench
