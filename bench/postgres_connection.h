// What the benchmark of PostgreSQL needs of libpq.
#pragma once

#include <libpq-fe.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postgres_values.h"

namespace piecemark::bench {

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

// Binary parameters, in the order in which they are added.
class Parameters {
 public:
  template <class Value>
  Parameters& add(const Value& value) {
    if constexpr (requires { value.has_value(); }) {
      return value ? add(*value) : add_null();
    } else {
      offsets_.push_back(static_cast<int>(bytes_.size()));
      append(bytes_, value);
      sizes_.push_back(static_cast<int>(bytes_.size()) - offsets_.back());
      return *this;
    }
  }
  Parameters& add_null() {
    offsets_.push_back(-1);
    sizes_.push_back(0);
    return *this;
  }
  void clear() {
    bytes_.clear();
    offsets_.clear();
    sizes_.clear();
  }

  int count() const { return static_cast<int>(sizes_.size()); }
  const int* sizes() const { return sizes_.data(); }
  // Valid until the next change.
  const char* const* values() {
    values_.clear();
    for (const int offset : offsets_) values_.push_back(offset < 0 ? nullptr : bytes_.data() + offset);
    return values_.data();
  }
  const int* formats() {
    formats_.assign(sizes_.size(), 1);
    return formats_.data();
  }

 private:
  std::string bytes_;
  std::vector<int> offsets_;
  std::vector<int> sizes_;
  std::vector<int> formats_;
  std::vector<const char*> values_;
};

// A connection to the server of a cluster. Values go both ways in binary form.
//
// Errors  std::runtime_error  with what the server says
class Connection {
 public:
  explicit Connection(const std::filesystem::path& cluster);

  void execute(const std::string& statements);
  void prepare(const char* name, const std::string& statement);
  // Runs a prepared statement.
  Result run(const char* name, Parameters& parameters);
  // Runs a statement that is not prepared, for its rows.
  Result query(const std::string& statement);

  // Runs a prepared statement for every item, many on the way at a time. fill(item, parameters)
  template <class Items, class Fill>
  void run_all(const char* name, const Items& items, const Fill& fill) {
    Parameters parameters;
    PQenterPipelineMode(handle_.get());
    std::size_t pending = 0;
    for (const auto& item : items) {
      parameters.clear();
      fill(item, parameters);
      send(name, parameters);
      if (++pending == kStatementsAtOnce) take_answers(pending);
    }
    take_answers(pending);
    PQexitPipelineMode(handle_.get());
  }

  // Sends rows in the binary form of COPY. write(item, bytes) appends a row.
  template <class Items, class Write>
  void copy(const std::string& target, const Items& items, const Write& write) {
    execute("COPY " + target + " FROM STDIN (FORMAT binary)");
    std::string bytes(kCopyHeader);
    for (const auto& item : items) {
      write(item, bytes);
      if (bytes.size() >= kCopyChunk) send_copied(bytes);
    }
    append_word(bytes, std::int16_t{-1});
    send_copied(bytes);
    end_copy();
  }

 private:
  static constexpr std::size_t kStatementsAtOnce = 100;  // whose answers fit into the socket's buffer
  static constexpr std::string_view kCopyHeader{"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0", 19};
  static constexpr std::size_t kCopyChunk = 65'536;

  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  [[noreturn]] void fail();
  void require(bool holds);
  Result checked(PGresult* result);
  void send(const char* name, Parameters& parameters);
  void take_answers(std::size_t& pending);
  void send_copied(std::string& bytes);
  void end_copy();

  std::unique_ptr<PGconn, Finish> handle_;
};

}  // namespace piecemark::bench
