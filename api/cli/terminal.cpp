#include "api/cli/terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "api/text/json_writer.h"
#include "api/text/number_text.h"
#include "engine/file_error.h"
#include "engine/os.h"
#include "engine/shown.h"
#include "piecemark/error.h"

namespace piecemark::cli {
namespace {

constexpr int kStandardOutput = 1;
constexpr int kStandardError = 2;
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);

// Columns of the table, and how wide they may become.
constexpr std::array kShown{Column::piece_mark, Column::instance_identifier, Column::component_type,
                            Column::quantity,   Column::material_type,       Column::location_x,
                            Column::location_y, Column::review_status,       Column::id};

std::size_t width_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cell(const ComponentRow& row, Column wanted) {
  std::string text;
  const auto write = [&](const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, Uuid> || std::is_same_v<T, Timestamp>) {
      text = value.to_string();
    } else if constexpr (std::is_same_v<T, double>) {
      text::append_double(text, value);
    } else if constexpr (std::is_same_v<T, std::int32_t>) {
      text = std::to_string(value);
    } else {
      text = engine::escaped(value);
    }
  };
  for_each_column(row, [&](Column column, const auto& value) {
    if (column != wanted) return;
    if constexpr (requires { value.has_value(); }) {
      if (value) write(*value);
    } else {
      write(value);
    }
  });
  return text;
}

}  // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_line(std::string_view text) {
  print(engine::escaped(text));
  print("\n");
}

void print_json(std::string_view text) {
  output_is_terminal() ? print(engine::json_for_terminal(text)) : print(text);
  print("\n");
}

void flush_output() {
  std::fflush(stdout);
}

void finish_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  const std::error_code error{errno, std::generic_category()};
  Error::Facts facts{"cannot write the answer to standard output",
                     "a disk that is full, or a reader that is gone",
                     {},
                     "what was asked for has been done; check where the output goes"};
  if (error) facts.found = engine::file_error(error, facts.attempted, "/dev/stdout").facts().found;
  throw Error(ErrorCode::io_error, std::move(facts));
}

std::string shell_quoted(const std::string& name) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+:,@%";
  std::string quoted = name.starts_with('-') ? "./" + name : name;
  if (!quoted.empty() && quoted.find_first_not_of(kPlain) == std::string::npos) return quoted;
  for (std::size_t at = 0; (at = quoted.find('\'', at)) != std::string::npos; at += 4)
    quoted.replace(at, 1, "'\\''");
  return "'" + quoted + "'";
}

// Messages quote what files say; nothing of it may steer the terminal.
void print_error(std::string_view text) {
  const std::string line = "piecemark: " + engine::escaped(text, engine::Escape::controls_but_lines) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}
bool output_is_terminal() {
  return engine::os::is_terminal(kStandardOutput);
}

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string in_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string in_duration(std::int64_t microseconds) {
  constexpr std::int64_t kMinute = 60;
  const double seconds = static_cast<double>(microseconds) / 1e6;
  std::array<char, 32> text{};
  if (seconds < 0.01) return "0.01 s";
  if (seconds < 2 * kMinute) {
    std::snprintf(text.data(), text.size(), seconds < 10 ? "%.2f s" : "%.0f s", seconds);
  } else {
    const auto whole = static_cast<std::int64_t>(seconds);
    std::snprintf(text.data(), text.size(), "%lld min %lld s", static_cast<long long>(whole / kMinute),
                  static_cast<long long>(whole % kMinute));
  }
  return text.data();
}

void RowPrinter::add(const ComponentRow& row) {
  ++row_count_;
  if (as_json_) {
    std::string line;
    text::append_json(line, row);
    print_json(line);
    return;
  }
  std::vector<std::string> cells;
  for (const Column column : kShown) cells.push_back(cell(row, column));
  table_.push_back(std::move(cells));
}

void RowPrinter::finish() {
  if (as_json_ || table_.empty()) return;
  std::vector<std::string> heading;
  for (const Column column : kShown) heading.emplace_back(info_of(column).name);
  table_.insert(table_.begin(), std::move(heading));
  std::array<std::size_t, kShown.size()> widths{};
  for (const auto& cells : table_) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  }
  for (const auto& cells : table_) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - width_of(cells[i]) + 2, ' ');
    }
    print_line(line);
  }
}

ProgressLine::ProgressLine(std::string task)
    : task_(std::move(task)),
      is_shown_(engine::os::is_terminal(kStandardError)),
      started_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::wipe() {
  if (is_shown_ && std::exchange(is_drawn_, false)) std::fputs("\r\033[K", stderr);
}

void ProgressLine::clear() {
  wipe();
  is_shown_ = false;
}

void ProgressLine::update(std::uint64_t rows, std::uint64_t done, std::uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_shown_ || now - drawn_ < kRedrawEvery) return;
  drawn_ = now;
  constexpr std::size_t kBarWidth = 24;
  const double seconds = std::max(0.001, std::chrono::duration<double>(now - started_).count());
  std::string line = "\r\033[K" + task_;
  is_drawn_ = true;
  if (total > 0) {
    const auto filled =
        static_cast<std::size_t>(static_cast<double>(kBarWidth) *
                                 std::min(1.0, static_cast<double>(done) / static_cast<double>(total)));
    line += "  [" + std::string(filled, '#') + std::string(kBarWidth - filled, ' ') + "] " +
            std::to_string(done * 100 / total) + " %";
  }
  line += "  " + with_commas(rows) + " rows, " +
          with_commas(static_cast<std::uint64_t>(static_cast<double>(rows) / seconds)) + " rows/s";
  if (total > 0 && done > 0 && done < total) {
    const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done);
    line += ", " + std::to_string(static_cast<long>(left) + 1) + " s left";
  }
  if (!phase_.empty()) line += "  (" + std::string(phase_) + ")";
  std::fputs(line.c_str(), stderr);
}

}  // namespace piecemark::cli
