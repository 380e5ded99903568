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
           std::optional<std::size_t> notes_table)
      : file_(file), tables_(tables), notes_table_(notes_table) {}

  // Writes the file, waits until the disk has it, and checks it where that is asked for.
  void complete(const Environment::Fill& fill, const Environment::Check& check) const;

 private:
  enum class Access : std::uint8_t { read_only, read_write };

  std::shared_ptr<Environment> open(Access access) const;
  void write(const Environment::Fill& fill) const;
  void read_back(const Environment::Check& check) const;

  const FileInCreation& file_;
  std::span<const std::string_view> tables_;
  std::optional<std::size_t> notes_table_;
};

}  // namespace piecemark::engine
