// The operations of `exec`: one JSON object a line in, one answer a line out. A refused operation answers
// with its error and the session goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/text/json_reader.h"
#include "piecemark/store.h"

namespace piecemark::text {

class ExecSession {
 public:
  // Opens the store anew, once an operation was answered with reopen_needed.
  using Reopen = std::function<Store()>;
  // Operations that only read take snapshots; the others the write lock. Where `why_read_only` is given, they are answered
  // with it.
  explicit ExecSession(Store& store, Reopen reopen = {}, std::optional<Error> why_read_only = {})
      : store_(store), reopen_(std::move(reopen)), why_read_only_(std::move(why_read_only)) {}

  // The answer to one line, without a line feed.
  std::string answer(std::string_view line);

  // The answer to a line that no session reads because of its length.
  std::string answer_to_long_line();

  // How many lines were answered, and how many of them with an error.
  std::uint64_t answered() const { return answered_; }
  std::uint64_t refused() const { return refused_; }

  // Whether "begin" was answered and neither "commit" nor "rollback" since.
  bool is_in_transaction() const { return transaction_.has_value(); }
  void rollback() { transaction_.reset(); }

 private:
  class Operation;

  std::string answer_or_refusal(std::string_view line);
  WriteTxn begin_write();
  void close();

  Store& store_;
  Reopen reopen_;
  std::optional<Error> why_read_only_;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  bool is_closed_ = false;
  bool has_lost_transaction_ = false;  // with the file; its operations are refused up to its end
  std::optional<WriteTxn> transaction_;
  JsonReader operation_reader_;
  JsonReader row_reader_;
};

}  // namespace piecemark::text
