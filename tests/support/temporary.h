// Folders and stores that live as long as a test.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::testing {

// A new empty folder where TMPDIR says, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  // Writes a file into the folder and returns its path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::filesystem::path folder_;
};

std::string read_file(const std::string& path);

// The folder of real data: PIECEMARK_DATA, or ../shared/data beside the checkout. nullopt where there is
// none.
std::optional<std::filesystem::path> real_data();

// Everything that a store holds, in a form that can be compared as a whole: drawings, then components, each
// as JSON.
std::string dump(const ReadTxn& snapshot);
std::string dump(const Store& store);

// The code that the call fails with; nullopt if it succeeds.
template <class Call>
std::optional<ErrorCode> error_of(const Call& call) {
  try {
    call();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace piecemark::testing
