// Brings CSV and NDJSON into a transaction: all or nothing, unless invalid rows are to be skipped.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/text/text_format.h"
#include "piecemark/store.h"

namespace piecemark::text {

struct ImportOptions {
  using Source = TextSource;
  std::optional<Source> drawings;
  std::optional<Source> components;
  OnConflict on_conflict = OnConflict::fail;
  bool skip_invalid = false;
  std::string rejects_path;  // "-" is standard output; empty: invalid rows are only counted
  // Told now and then how far it is. bytes_total is 0 where nobody knows. What it throws ends the import.
  std::function<void(std::uint64_t rows, std::uint64_t bytes, std::uint64_t bytes_total)> on_progress;
};

struct ImportResult {
  std::uint64_t drawings = 0;
  std::uint64_t drawings_renamed = 0;  // were there already, under another name
  std::uint64_t drawings_kept = 0;     // were there already, and are as they were
  std::uint64_t inserted = 0;
  std::uint64_t updated = 0;
  std::uint64_t skipped = 0;  // key or id taken, and the row that is there stays
  std::uint64_t invalid = 0;
};

// An import that reads its input before it touches a store: sources are opened, and headers read, by the
// constructor, so that a wrong file name or a wrong column leaves no trace.
class Importer {
 public:
  // Errors  file_not_found, permission_denied, and row codes for a header
  explicit Importer(ImportOptions options);
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;
  ~Importer();

  // Waits for what others write into the input, a pipe say, so that run() keeps no writer waiting for them.
  // Errors  disk_full, io_error, and the first row that is invalid by itself
  void await_input();

  // Brings the rows into the transaction, which is the caller's to commit, of the store of this name. May be run again, in
  // another transaction.
  // Errors  the first invalid row, with its line; those of WriteTxn; those of OutputFile for the rejects
  ImportResult run(WriteTxn& transaction, const std::string& store);
  // After the commit: the file of rejects has them now.  Errors  those of OutputFile
  void finish();
  // In a transaction of its own, once all of the input is there.  Errors  also those of WriteTxn::commit
  ImportResult run(Store& store);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace piecemark::text
