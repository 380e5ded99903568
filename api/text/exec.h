// The operations of `exec`: one JSON object a line in, one answer a line out. A refused operation answers
// with its error and the session goes on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/text/json_reader.h"
#include "piecemark/store.h"

namespace piecemark::text {

class ExecSession {
 public:
  explicit ExecSession(Store& store) : store_(store) {}

  // The answer to one line, without a line feed.
  std::string answer(std::string_view line);

  // The answer to a line that no session reads because of its length.
  static std::string answer_to_long_line();

  // Whether "begin" was answered and neither "commit" nor "rollback" since.
  bool is_in_transaction() const { return transaction_.has_value(); }
  void rollback() { transaction_.reset(); }

 private:
  class Operation;

  Store& store_;
  std::optional<WriteTxn> transaction_;
  JsonReader operation_reader_;
  JsonReader row_reader_;
};

}  // namespace piecemark::text
