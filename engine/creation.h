// How a file comes to be: under a temporary name, which it changes for its own once it is complete and durable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "environment.h"
#include "file_in_creation.h"

namespace piecemark::engine {

class Creation {
 public:
  Creation(const FileInCreation& file, std::span<const std::string_view> tables,
           const CreationOptions& options)
      : file_(file), tables_(tables), options_(options) {}

  // Writes the file, waits until the disk has it, and checks it where that is asked for.
  void complete(const Environment::Fill& fill) const;

 private:
  std::shared_ptr<Environment> open(const EnvironmentOptions& options) const;
  void write(const Environment::Fill& fill) const;
  void read_back() const;

  const FileInCreation& file_;
  std::span<const std::string_view> tables_;
  const CreationOptions& options_;
};

}  // namespace piecemark::engine
