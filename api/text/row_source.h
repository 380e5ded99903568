// Rows from one file of CSV or NDJSON, read as what their columns are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/text/input.h"
#include "api/text/row_binding.h"
#include "api/text/text_format.h"
#include "piecemark/error.h"

namespace piecemark::text {

// A row from outside, or what is wrong with it.
template <class Columns>
struct IncomingText {
  std::uint64_t line = 0;
  std::uint64_t bytes_read = 0;  // of the file, up to the end of this row
  Columns columns;
  std::optional<Violation> problem;
  bool is_last = false;  // the problem makes the rest of the file unreadable
  std::string raw;       // what RowSource::append_raw() needs
};

// Rows of one kind, Columns being ComponentColumns or DrawingColumns.
//
// Threads  next() may be called on another thread than the rest; one thread at a time calls it.
template <class Columns>
class RowSource {
 public:
  // With keep_raw every row keeps its text.  Errors  those of LineReader, and row codes for a header
  static std::unique_ptr<RowSource> open(const TextSource& source, bool keep_raw);
  virtual ~RowSource() = default;

  // The next row; false at the end.  Errors  io_error
  virtual bool next(IncomingText<Columns>& row) = 0;
  // The row as a JSON value, for the file of rejects.
  virtual void append_raw(const IncomingText<Columns>& row, std::string& to) const = 0;

  const std::string& path() const { return lines_.path(); }
  std::uint64_t bytes_total() const { return lines_.bytes_total(); }
  bool may_wait() const { return lines_.may_wait(); }
  // As those of LineReader.
  void keep() { lines_.keep(); }
  void replay() { lines_.replay(); }

 protected:
  explicit RowSource(const TextSource& source) : lines_(source.path) {}
  LineReader lines_;
};

extern template class RowSource<ComponentColumns>;
extern template class RowSource<DrawingColumns>;

// "cannot import 'rows.csv', line 2, column quantity"
[[noreturn]] void refuse_row(const std::string& path, std::uint64_t line, Violation violation);

}  // namespace piecemark::text
