// Everything that the program prints.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/component.h"

namespace piecemark::cli {

// To standard output. A failure to write is told at the end, by finish_output().
void print(std::string_view text);
// A line for people: what could steer the terminal is written as \xNN.
void print_line(std::string_view text);
// A line of JSON for programs, as it is; on a terminal, characters that could steer it are written as \u009b.
void print_json(std::string_view text);
void flush_output();
// Throws io_error if something could not be written.
void finish_output();

void print_error(std::string_view text);
bool output_is_terminal();
// A file name as a shell takes it.
std::string shell_quoted(const std::string& name);

// 12972 -> "12,972"; 4321000 -> "4.3 MB"
std::string with_commas(std::uint64_t number);
std::string in_bytes(std::uint64_t bytes);
// 83000 -> "0.08 s"; 150000000 -> "2 min 30 s"
std::string in_duration(std::int64_t microseconds);

// Components as a table on a terminal; as NDJSON elsewhere, or where asked for.
class RowPrinter {
 public:
  explicit RowPrinter(bool as_json) : as_json_(as_json || !output_is_terminal()) {}
  void add(const ComponentRow& row);
  void finish();
  std::uint64_t rows() const { return row_count_; }

 private:
  bool as_json_;
  std::uint64_t row_count_ = 0;
  std::vector<std::vector<std::string>> table_;
};

// A line on the terminal that says how far a long task is; silent where standard error is no terminal.
class ProgressLine {
 public:
  explicit ProgressLine(std::string task);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // done of total in any unit; total 0 where nobody knows.
  void update(std::uint64_t rows, std::uint64_t done, std::uint64_t total);
  // What it is doing just now; shown at the next update, which then comes at once.
  void set_phase(std::string_view phase) {
    if (phase != phase_) drawn_ = {};
    phase_ = phase;
  }
  // Wipes the line, before something else is printed.
  void wipe();
  // Wipes it for good.
  void clear();

 private:
  std::string task_;
  std::string_view phase_;
  bool is_shown_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace piecemark::cli
