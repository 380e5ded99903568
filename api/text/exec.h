// The operations of `exec`: one JSON object a line in, one answer a line out. A refused operation answers
// with its error and the session goes on.
#pragma once

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
  explicit ExecSession(Store& store, Reopen reopen = {}) : store_(store), reopen_(std::move(reopen)) {}

  // The answer to one line, without a line feed.
  std::string answer(std::string_view line);

  // The answer to a line that no session reads because of its length.
  static std::string answer_to_long_line();

  // Whether "begin" was answered and neither "commit" nor "rollback" since.
  bool is_in_transaction() const { return transaction_.has_value(); }
  void rollback() { transaction_.reset(); }

 private:
  class Operation;

  void close();

  Store& store_;
  Reopen reopen_;
  bool is_closed_ = false;
  bool has_lost_transaction_ = false;  // with the file; its operations are refused up to its end
  std::optional<WriteTxn> transaction_;
  JsonReader operation_reader_;
  JsonReader row_reader_;
};

}  // namespace piecemark::text
