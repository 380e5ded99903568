#pragma once

#include <optional>
#include <type_traits>
#include <utility>

namespace piecemark {

// What a caller says about one column: nothing (it keeps its value or takes its default), NULL, or a value.
template <class T>
class ColumnValue {
 public:
  ColumnValue() = default;
  // NOLINTBEGIN(*-explicit-*): {.quantity = 5} and {.quantity = std::nullopt} are what the type is for.
  ColumnValue(std::nullopt_t) : is_given_(true) {}
  ColumnValue(std::optional<T> value) : is_given_(true), value_(std::move(value)) {}
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, ColumnValue> &&
           !std::is_same_v<std::remove_cvref_t<U>, std::optional<T>>) ColumnValue(U&& value)
      : is_given_(true), value_(std::in_place, std::forward<U>(value)) {}
  // NOLINTEND(*-explicit-*)

  bool is_given() const { return is_given_; }
  bool is_null() const { return is_given_ && !value_; }
  const std::optional<T>& value() const { return value_; }

 private:
  bool is_given_ = false;
  std::optional<T> value_;
};

}  // namespace piecemark
