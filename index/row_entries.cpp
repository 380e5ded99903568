#include "row_entries.h"

#include <algorithm>
#include <limits>

#include "block.h"
#include "engine/key.h"
#include "engine/record.h"
#include "packed_key.h"
#include "piecemark/error.h"

namespace piecemark::index {
namespace {

std::string_view name_of(TableId id) {
  return kTables[static_cast<std::size_t>(id)];
}

// All keys that begin with the drawing and the hash.
RowKeys keys_with(const DrawingKey& drawing, RowHash hash) {
  return {std::string(PackedKey(drawing, hash).bytes()), std::string(PackedKey(drawing, hash + 1).bytes())};
}

// A block whose key is lost. Its head is sealed with the key, so that a key can be tried.
class KeylessBlock {
 public:
  KeylessBlock(std::string_view table, engine::Bytes bytes) : table_(table), bytes_(bytes) {
    if (bytes.size() < kBlockHashesAt) return;
    const std::size_t count = engine::load<std::uint16_t>(bytes.data() + kBlockCountAt);
    const std::size_t texts_end = engine::load<std::uint16_t>(bytes.data() + kBlockTextsEndAt);
    if (count == 0 || texts_end > bytes.size() || block_start_at(count, count) > texts_end) return;
    count_ = count;
    head_ = bytes.substr(kBlockCountAt, texts_end - kBlockCountAt);
    last_hash_ = engine::load<RowHash>(bytes.data() + kBlockHashesAt + (count - 1) * sizeof(RowHash));
  }

  bool has_sense() const { return !head_.empty(); }

  // What stands where the rows have their ids.
  std::vector<Uuid> ids() const {
    std::vector<Uuid> ids;
    for (std::size_t row = 0; row < count_; ++row) {
      const auto start = start_of(row);
      if (start && *start + sizeof(Uuid) <= bytes_.size())
        ids.push_back(engine::uuid_from(bytes_.substr(*start)));
    }
    return ids;
  }

  // Without what lies behind it: up to where the last row holds its check, or all of it where that is damaged.
  engine::Bytes without_rest() const {
    const auto start = start_of(count_ - 1);
    for (std::size_t end = start ? *start + sizeof(Uuid) : bytes_.size(); end < bytes_.size(); ++end) {
      const auto check = engine::load<std::uint32_t>(bytes_.data() + block_check_at(count_, count_ - 1));
      if (block_check_of(bytes_.substr(*start, end - *start)) == check) return bytes_.substr(0, end);
    }
    return bytes_;
  }

  // The key of the last block of the drawing, if it is that.
  std::optional<std::string> last_key_on(const DrawingKey& drawing) const {
    std::string key(PackedKey(drawing).bytes());
    key += PackedKey::kLastBlock;
    return fits(key) ? std::optional(key) : std::nullopt;
  }

  // The key of the last row, or one that begins like that and then is greater. Counts its trials down from `trials`.
  std::optional<std::string> key_on(const DrawingKey& drawing, std::uint64_t& trials) const {
    const std::vector<Uuid> ids = this->ids();
    const PackedKey last_key =
        ids.empty() ? PackedKey(drawing, last_hash_) : PackedKey(drawing, last_hash_, ids.back());
    const engine::Bytes last = last_key.bytes();
    std::string key(last);
    if (fits(key)) return key;
    for (std::size_t same = last_key.drawing_bytes().size(); same < last.size(); ++same) {
      key.assign(last.substr(0, same + 1));
      for (auto byte = static_cast<unsigned char>(last[same]); byte < 0xFF && trials > 0; --trials) {
        key.back() = static_cast<char>(++byte);
        if (fits(key)) return key;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<std::size_t> start_of(std::size_t row) const {
    const std::size_t at = block_start_at(count_, row);
    if (at + sizeof(std::uint16_t) > bytes_.size()) return std::nullopt;
    return engine::load<std::uint16_t>(bytes_.data() + at);
  }
  bool fits(engine::Bytes key) const {
    return engine::load<std::uint64_t>(bytes_.data()) == engine::checksum_of({table_, key}, head_);
  }

  std::string_view table_;
  engine::Bytes bytes_;
  engine::Bytes head_;
  std::size_t count_ = 0;
  RowHash last_hash_ = 0;
};

}  // namespace

RowKeys keys_of(const DrawingKey& drawing) {
  const std::string key(PackedKey(drawing).bytes());
  return {key, key + PackedKey::kLastBlock};
}

std::string_view RowEntries::table() const {
  return name_of(format_.rows);
}

bool RowEntries::read(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
                      const LossVisitor& on_lost) const {
  return format_.layout == LayoutKind::packed ? read_block(key, value, visit, on_lost)
                                              : read_record(key, value, visit);
}

bool RowEntries::read_without_key(engine::Bytes value, DrawingsOfIds& drawings_of_ids,
                                  std::vector<DrawingKey>& others, std::uint64_t& trials,
                                  const RowVisitor& visit, const LossVisitor& on_lost) const {
  if (format_.layout != LayoutKind::packed) return false;
  const KeylessBlock block(table(), value);
  if (!block.has_sense()) return false;
  const auto read_with = [&](const std::string& key) {
    return read_block(key, block.without_rest(), visit, on_lost);
  };
  for (const DrawingKey& drawing : drawings_of_ids.of(block.ids())) {
    auto as_many_as_it_takes = std::numeric_limits<std::uint64_t>::max();
    auto key = block.last_key_on(drawing);
    if (!key) key = block.key_on(drawing, as_many_as_it_takes);
    if (key) return read_with(*key);
  }
  const auto try_others = [&](const auto& key_on) {
    for (auto drawing = others.begin(); drawing != others.end() && trials > 0; ++drawing) {
      const std::optional<std::string> key = key_on(*drawing);
      if (!key) continue;
      std::rotate(others.begin(), drawing, drawing + 1);
      return read_with(*key);
    }
    return false;
  };
  // One trial is enough for a drawing of one block.
  return try_others([&](const DrawingKey& drawing) {
           --trials;
           return block.last_key_on(drawing);
         }) ||
         try_others([&](const DrawingKey& drawing) { return block.key_on(drawing, trials); });
}

RowKeys RowEntries::between(engine::Bytes before, std::string from, std::optional<std::string> to) const {
  return {format_.layout == LayoutKind::packed ? std::string(before) : std::move(from), std::move(to)};
}

bool RowEntries::read_record(engine::Bytes key, engine::Bytes value, const RowVisitor& visit) const {
  if (key.size() != sizeof(Uuid) || !engine::try_unseal({table(), key}, value)) return false;
  ComponentRow row;
  try {
    engine::decode_record({table(), key}, value, format_.class_version, row);
  } catch (const Error&) {
    return false;
  }
  row.id = engine::uuid_from(key);
  visit({key, row});
  return true;
}

bool RowEntries::read_block(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
                            const LossVisitor& on_lost) const {
  DrawingKey drawing;
  engine::Bytes rest = key;
  if (!PackedKey::read_drawing(rest, drawing) || rest.empty()) return false;
  std::optional<Block> block;
  try {
    block.emplace(engine::RecordPlace{table(), key}, value);
  } catch (const Error&) {
    return false;
  }
  for (std::size_t i = 0; i < block->count(); ++i) {
    ComponentRow row;
    try {
      block->read(i, row);
    } catch (const Error& error) {
      on_lost({keys_with(drawing, block->hash(i)), error.facts().found});
      continue;
    }
    row.drawing_id = drawing;
    const PackedKey row_key(drawing, block->hash(i), row.id);
    visit({row_key.bytes(), row});
  }
  return true;
}

std::optional<Uuid> RowEntries::indexed_row(engine::Bytes key, engine::Bytes value) const {
  if (format_.layout != LayoutKind::ordered) return std::nullopt;
  const auto id = engine::try_unseal({name_of(format_.index), key}, value);
  return id && id->size() == sizeof(Uuid) ? std::optional(engine::uuid_from(*id)) : std::nullopt;
}

}  // namespace piecemark::index
