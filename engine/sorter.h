// Sorts more byte strings than memory should hold: beyond a limit, sorted runs go to a temporary file without a name,
// which nobody has to remove, and are merged as they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "os.h"

namespace piecemark::engine {

class Sorter {
 public:
  // The temporary file, if it comes to one, lies in this folder.
  explicit Sorter(std::string folder, std::size_t memory_bytes = std::size_t{32} << 20);
  Sorter(const Sorter&) = delete;
  Sorter& operator=(const Sorter&) = delete;
  ~Sorter();

  // Errors  disk_full, io_error
  void add(Bytes record);

  // Goes to the beginning; from then on, nothing can be added.
  void rewind();
  // The next record in ascending order, byte by byte, valid until the next call; equal ones each come by themselves.
  bool next(Bytes& record);

 private:
  struct Record {
    std::uint64_t beginning;  // its first bytes as a number, which decides most comparisons where it lies
    std::size_t offset;       // into bytes_
    std::size_t size;
  };
  struct Run {
    std::uint64_t begin;
    std::uint64_t end;
  };
  class RunReader;

  Bytes bytes_of(const Record& record) const { return Bytes(bytes_).substr(record.offset, record.size); }
  void sort_records();
  void spill();
  void open_runs();
  void check(std::error_code error) const;

  std::string folder_;
  std::size_t memory_bytes_;
  std::string bytes_;
  std::vector<Record> records_;
  std::size_t at_ = 0;

  os::File file_;
  std::uint64_t file_bytes_ = 0;
  std::vector<Run> runs_;
  std::vector<std::unique_ptr<RunReader>> readers_;  // a heap, the smallest record first
  std::unique_ptr<RunReader> given_;                 // whose record is with the caller
};

// For who finds that a record is not what it gave to a Sorter: it has been in a file.
// Errors  io_error
[[noreturn]] void throw_changed_while_sorting();

}  // namespace piecemark::engine
