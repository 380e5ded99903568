// Flat archive for Boost.Serialization: little-endian integers and length-prefixed text in a byte buffer.
//
// Classes describe themselves once, with serialize(Archive&, T&, version); both directions follow from it.
// FlatWriter saves, FlatReader loads and trusts nothing: every length is checked against what is left, every
// flag must be 0 or 1. Text loaded into a std::string_view borrows from the buffer.
//
//   type                     bytes
//   -----------------------  ----------------------------------------------------
//   integer                  its size, little-endian, two's complement
//   double                   8, the bits of IEEE 754
//   Uuid                     16
//   Timestamp                8, microseconds since 1970-01-01 UTC
//   text                     4 for the length in bytes, then the bytes
//   optional                 1 (0 NULL, 1 value), then the value if there is one
//   vector                   4 for the count, then the elements
//   class                    what its serialize() names, in that order
#pragma once

#include <bit>
#include <boost/mpl/bool.hpp>
#include <boost/serialization/serialization.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bytes.h"
#include "piecemark/timestamp.h"
#include "piecemark/uuid.h"

namespace piecemark::engine {

class FlatWriter {
 public:
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;

  // Appends to the buffer, which is whole when the writer ends. Classes are written as of this version.
  FlatWriter(std::string& buffer, unsigned version) : buffer_(buffer), version_(version) {}

  template <class T>
  FlatWriter& operator&(const T& value) {
    save(value);
    return *this;
  }
  template <class T>
  FlatWriter& operator<<(const T& value) {
    return *this & value;
  }

 private:
  template <std::integral T>
  void save(T value) {
    buffer_.integer(value);
  }
  void save(double value) { buffer_.integer(std::bit_cast<std::uint64_t>(value)); }
  void save(const Uuid& value) {
    buffer_.bytes({reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
  }
  void save(const Timestamp& value) { save(value.microseconds); }
  void save(std::string_view text) {
    save(static_cast<std::uint32_t>(text.size()));
    buffer_.bytes(text);
  }
  void save(const std::string& text) { save(std::string_view(text)); }
  template <class T>
  void save(const std::optional<T>& value) {
    save(static_cast<std::uint8_t>(value ? 1 : 0));
    if (value) save(*value);
  }
  template <class T>
  void save(const std::vector<T>& values) {
    save(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) save(value);
  }
  template <class T>
  requires std::is_class_v<T>
  void save(const T& object) {
    // Boost's serialize() takes a mutable reference in both directions; saving does not change the object.
    boost::serialization::serialize_adl(*this, const_cast<T&>(object), version_);
  }

  Appender buffer_;
  unsigned version_;
};

class FlatReader {
 public:
  using is_saving = boost::mpl::false_;
  using is_loading = boost::mpl::true_;

  // Reads from the bytes. Classes are read as of this version.
  FlatReader(Bytes bytes, unsigned version) : rest_(bytes), version_(version) {}
  FlatReader(std::string&& bytes, unsigned version) = delete;  // What is loaded may borrow from the bytes.

  template <class T>
  FlatReader& operator&(T& value) {
    load(value);
    return *this;
  }
  template <class T>
  FlatReader& operator>>(T& value) {
    return *this & value;
  }

  // True if everything asked for was there and well-formed. Once false, all further values stay as they are.
  bool ok() const { return ok_; }
  // True if, besides, nothing is left over.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  const char* take(std::size_t size) {
    if (!ok_ || rest_.size() < size) {
      ok_ = false;
      return nullptr;
    }
    const char* at = rest_.data();
    rest_.remove_prefix(size);
    return at;
  }

  template <std::integral T>
  void load(T& value) {
    if (const char* at = take(sizeof value)) value = engine::load<T>(at);
  }
  void load(double& value) {
    std::uint64_t bits = 0;
    load(bits);
    if (ok_) value = std::bit_cast<double>(bits);
  }
  void load(Uuid& value) {
    if (const char* at = take(value.bytes.size())) std::memcpy(value.bytes.data(), at, value.bytes.size());
  }
  void load(Timestamp& value) { load(value.microseconds); }
  void load(std::string_view& text) {
    std::uint32_t size = 0;
    load(size);
    if (const char* at = take(size)) text = Bytes(at, size);
  }
  void load(std::string& text) {
    std::string_view borrowed;
    load(borrowed);
    if (ok_) text.assign(borrowed);
  }
  template <class T>
  void load(std::optional<T>& value) {
    std::uint8_t flag = 0;
    load(flag);
    if (flag > 1) ok_ = false;
    if (!ok_) return;
    if (flag == 0) {
      value.reset();
    } else {
      load(value.emplace());
    }
  }
  template <class T>
  void load(std::vector<T>& values) {
    std::uint32_t count = 0;
    load(count);
    values.clear();
    // An element takes at least a byte, so a forged count ends with the bytes and never allocates ahead of
    // them.
    for (std::uint32_t i = 0; ok_ && i < count; ++i) load(values.emplace_back());
  }
  template <class T>
  requires std::is_class_v<T>
  void load(T& object) { boost::serialization::serialize_adl(*this, object, version_); }

  Bytes rest_;
  unsigned version_;
  bool ok_ = true;
};

}  // namespace piecemark::engine
