// Random operations with values from the boundaries of every column. Few drawings, marks and ids, so that
// most operations meet rows that are there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/oracle/operation.h"

namespace piecemark::oracle {

enum class Through : std::uint8_t { exec, api };

struct GeneratorOptions {
  std::uint64_t seed = 0;
  Through through = Through::exec;
  std::uint32_t format = 2;
  // Every insert gives its id and its time stamps, every update its updated_at: nothing depends on the clock.
  bool nothing_by_default = false;
};

// A value with the way a line writes it. Without a value it is NULL, or not of the column's type at all.
template <class T>
struct Sample {
  std::string json;
  std::optional<T> value;
  std::optional<ErrorCode> error;
};

// What a column may hold, and what it may not: too long, out of range, of the wrong form.
template <class T>
struct Pool {
  std::vector<Sample<T>> good;
  std::vector<Sample<T>> bad;
};

class Generator {
 public:
  explicit Generator(const GeneratorOptions& options);

  Operation next();
  // An id that the store has generated, to be met again.
  void learn(const Uuid& id) { ids_.good.push_back({"\"" + id.to_string() + "\"", id, {}}); }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class T>
  const T& any(const std::vector<T>& values) {
    return values[below(values.size())];
  }
  // The first ones more often.
  template <class T>
  const T& likely(const std::vector<T>& values) {
    return values[std::min(below(values.size()), below(values.size()))];
  }

  Pool<std::string> texts(std::size_t max_code_points, std::vector<std::string> usual) const;
  Pool<std::string> json_values() const;
  Pool<double> numbers() const;
  Pool<double> confidences() const;
  Pool<std::int32_t> integers() const;
  Pool<Timestamp> instants() const;
  Pool<Uuid> uuids(std::size_t count);

  const Pool<Uuid>& pool_of(Column column, const Uuid*) const;
  const Pool<std::string>& pool_of(Column column, const std::string*) const;
  const Pool<std::int32_t>& pool_of(Column, const std::int32_t*) const { return integers_; }
  const Pool<double>& pool_of(Column column, const double*) const;
  const Pool<Timestamp>& pool_of(Column, const Timestamp*) const { return instants_; }

  bool is_given(Column column, bool is_update);
  template <class T>
  void give(Operation& to, std::string_view name, ColumnValue<T>& value, const Pool<T>& pool,
            bool may_be_bad);
  void fill_row(Operation& operation, bool is_update);
  void fill_drawing(Operation& operation);
  void fill_search(Operation& operation);
  Verb next_verb();

  GeneratorOptions options_;
  std::mt19937_64 random_;
  bool in_transaction_ = false;
  Pool<Uuid> ids_;
  Pool<Uuid> drawings_;
  Pool<std::string> marks_;
  Pool<std::string> instances_;
  Pool<std::string> types_;
  Pool<std::string> materials_;
  Pool<std::string> statuses_;
  Pool<std::string> names_;
  Pool<std::string> boxes_;
  Pool<double> coordinates_;
  Pool<double> confidences_;
  Pool<std::int32_t> integers_;
  Pool<Timestamp> instants_;
};

}  // namespace piecemark::oracle
