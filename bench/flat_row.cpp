#include "flat_row.h"

#include <simdjson.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <type_traits>

namespace piecemark::bench {
namespace {

// Marks have no U+0000, so it ends them; what follows sorts the rows without an instance last.
constexpr char kEndOfMark = '\0';
constexpr char kInstance = '\1';
constexpr char kNull = '\2';

using NullBits = std::uint16_t;

NullBits bit_of(Column column) {
  return static_cast<NullBits>(1U << static_cast<unsigned>(column));
}

void append(std::string& bytes, std::string_view text) {
  std::size_t size = text.size();
  for (; size >= 0x80; size >>= 7) bytes.push_back(static_cast<char>(size | 0x80));
  bytes.push_back(static_cast<char>(size));
  bytes.append(text);
}
template <class Value>
requires std::is_trivially_copyable_v<Value>
void append(std::string& bytes, const Value& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  void read(std::string_view& text) {
    std::size_t size = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto group = static_cast<unsigned char>(take(1).front());
      size |= std::size_t{group & 0x7FU} << shift;
      if (group < 0x80 || shift >= 28) break;
    }
    text = take(size);
  }
  template <class Value>
  requires std::is_trivially_copyable_v<Value>
  void read(Value& value) { std::memcpy(&value, take(sizeof value).data(), sizeof value); }

 private:
  std::string_view take(std::size_t size) {
    if (bytes_.size() < size) throw std::runtime_error("a stored row ends too early");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
};

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

void check_length(Column column, std::string_view text) {
  const ColumnInfo& info = info_of(column);
  if (info.max_code_points != 0 && text.size() > info.max_code_points &&
      code_points(text) > info.max_code_points) {
    throw std::runtime_error(std::string(info.name) + " is too long");
  }
}

void check_json(std::string_view text) {
  static thread_local simdjson::dom::parser parser;
  if (parser.parse(text.data(), text.size()).error() != simdjson::SUCCESS) {
    throw std::runtime_error("bounding_box is no JSON");
  }
}

}  // namespace

void encode(const ComponentRow& row, std::string& bytes) {
  bytes.assign(sizeof(NullBits), '\0');
  NullBits nulls = 0;
  for_each_column(row, [&](Column column, const auto& value) {
    if constexpr (requires { value.has_value(); }) {
      if (value) {
        append(bytes, *value);
      } else {
        nulls |= bit_of(column);
      }
    } else if (column != Column::id) {
      append(bytes, value);
    }
  });
  std::memcpy(bytes.data(), &nulls, sizeof nulls);
}

ComponentRow decode(const Uuid& id, std::string_view bytes) {
  ComponentRow row;
  row.id = id;
  Reader reader(bytes);
  NullBits nulls = 0;
  reader.read(nulls);
  for_each_column(row, [&](Column column, auto& value) {
    if constexpr (requires { value.has_value(); }) {
      if ((nulls & bit_of(column)) == 0) reader.read(value.emplace());
    } else if (column != Column::id) {
      reader.read(value);
    }
  });
  return row;
}

std::string_view key_of(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

Uuid id_of(std::string_view key) {
  Uuid id;
  if (key.size() != id.bytes.size()) throw std::runtime_error("a stored id has another size");
  std::memcpy(id.bytes.data(), key.data(), key.size());
  return id;
}

UniqueKey unique_key(const ComponentRow& row) {
  UniqueKey key;
  key.has_null = !row.drawing_id || !row.instance_identifier;
  key.bytes.reserve(64);
  if (row.drawing_id) {
    key.bytes = mark_prefix(*row.drawing_id, row.piece_mark);
  } else {
    key.bytes.push_back(kNull);
    key.bytes.append(row.piece_mark).push_back(kEndOfMark);
  }
  if (row.instance_identifier) {
    key.bytes.push_back(kInstance);
    key.bytes.append(*row.instance_identifier);
  } else {
    key.bytes.push_back(kNull);
  }
  if (key.has_null) key.bytes.append(key_of(row.id));
  return key;
}

std::string drawing_prefix(const Uuid& drawing_id) {
  std::string prefix;
  prefix.reserve(64);
  prefix.push_back(kInstance);
  return prefix.append(key_of(drawing_id));
}

std::string mark_prefix(const Uuid& drawing_id, std::string_view piece_mark) {
  std::string prefix = drawing_prefix(drawing_id).append(piece_mark);
  prefix.push_back(kEndOfMark);
  return prefix;
}

std::string no_instance_prefix(const Uuid& drawing_id, std::string_view piece_mark) {
  std::string prefix = mark_prefix(drawing_id, piece_mark);
  prefix.push_back(kNull);
  return prefix;
}

void check_rules(const ComponentRow& row) {
  for_each_column(row, [](Column column, const auto& value) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::same_as<Value, std::string_view>) check_length(column, value);
    if constexpr (std::same_as<Value, std::optional<std::string_view>>) {
      if (value) check_length(column, *value);
    }
  });
  if (row.confidence_score && !(*row.confidence_score >= 0 && *row.confidence_score <= 1)) {
    throw std::runtime_error("confidence_score is not within 0 and 1");
  }
  if (row.bounding_box) check_json(*row.bounding_box);
}

}  // namespace piecemark::bench
