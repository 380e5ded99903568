#include "key.h"

namespace piecemark::engine {
namespace {

constexpr char kValue = '\x01';
constexpr char kNull = '\x02';
constexpr char kEndOfText = '\0';

}  // namespace

KeyWriter& KeyWriter::uuid(const Uuid& value) {
  bytes_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  return *this;
}

KeyWriter& KeyWriter::nullable_uuid(const std::optional<Uuid>& value) {
  bytes_ += value ? kValue : kNull;
  return value ? uuid(*value) : *this;
}

KeyWriter& KeyWriter::text(std::string_view value) {
  bytes_.append(value);
  bytes_ += kEndOfText;
  return *this;
}

KeyWriter& KeyWriter::nullable_text(const std::optional<std::string_view>& value) {
  bytes_ += value ? kValue : kNull;
  return value ? text(*value) : *this;
}

bool KeyReader::uuid(Uuid& value) {
  if (rest_.size() < value.bytes.size()) return false;
  std::memcpy(value.bytes.data(), rest_.data(), value.bytes.size());
  rest_.remove_prefix(value.bytes.size());
  return true;
}

bool KeyReader::nullable_uuid(std::optional<Uuid>& value) {
  if (rest_.empty()) return false;
  const Bytes before = rest_;
  const char marker = rest_.front();
  rest_.remove_prefix(1);
  if (marker == kNull) {
    value = std::nullopt;
    return true;
  }
  if (Uuid decoded; marker == kValue && uuid(decoded)) {
    value = decoded;
    return true;
  }
  rest_ = before;
  return false;
}

bool KeyReader::text(std::string_view& value) {
  const auto end = rest_.find(kEndOfText);
  if (end == Bytes::npos) return false;
  value = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return true;
}

bool KeyReader::nullable_text(std::optional<std::string_view>& value) {
  if (rest_.empty()) return false;
  const Bytes before = rest_;
  const char marker = rest_.front();
  rest_.remove_prefix(1);
  if (marker == kNull) {
    value = std::nullopt;
    return true;
  }
  if (std::string_view decoded; marker == kValue && text(decoded)) {
    value = decoded;
    return true;
  }
  rest_ = before;
  return false;
}

}  // namespace piecemark::engine
