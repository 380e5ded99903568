#include "row_entries.h"

#include <algorithm>

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
    if (count == 0 || texts_end > bytes.size() || kBlockHashesAt + count * sizeof(RowHash) > texts_end)
      return;
    head_ = bytes.substr(kBlockCountAt, texts_end - kBlockCountAt);
    last_hash_ = engine::load<RowHash>(bytes.data() + kBlockHashesAt + (count - 1) * sizeof(RowHash));
  }

  // The key of the last block of the drawing, or one that begins as the last row's does and then is greater.
  std::optional<std::string> key_on(const DrawingKey& drawing, std::uint64_t& trials) const {
    std::string key(PackedKey(drawing).bytes());
    key += PackedKey::kLastBlock;
    if (fits(key)) return key;
    const PackedKey last_key(drawing, last_hash_);
    const engine::Bytes last = last_key.bytes();
    for (std::size_t same = key.size() - 1; same < last.size(); ++same) {
      key.assign(last.substr(0, same + 1));
      for (auto byte = static_cast<unsigned char>(last[same]); byte < 0xFF && trials > 0; --trials) {
        key.back() = static_cast<char>(++byte);
        if (fits(key)) return key;
      }
    }
    return std::nullopt;
  }

 private:
  bool fits(engine::Bytes key) const {
    return !head_.empty() &&
           engine::load<std::uint64_t>(bytes_.data()) == engine::checksum_of({table_, key}, head_);
  }

  std::string_view table_;
  engine::Bytes bytes_;
  engine::Bytes head_;
  RowHash last_hash_ = 0;
};

}  // namespace

std::string_view RowEntries::table() const {
  return name_of(format_.rows);
}

bool RowEntries::read(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
                      const LossVisitor& on_lost) const {
  return format_.layout == LayoutKind::packed ? read_block(key, value, visit, on_lost)
                                              : read_record(key, value, visit);
}

bool RowEntries::read_without_key(engine::Bytes value, std::vector<DrawingKey>& drawings,
                                  std::uint64_t& trials, const RowVisitor& visit,
                                  const LossVisitor& on_lost) const {
  if (format_.layout != LayoutKind::packed) return false;
  const KeylessBlock block(table(), value);
  for (auto drawing = drawings.begin(); drawing != drawings.end(); ++drawing) {
    const auto key = block.key_on(*drawing, trials);
    if (!key) continue;
    std::rotate(drawings.begin(), drawing, drawing + 1);
    return read_block(*key, value.substr(0, end_of_block(*key, value)), visit, on_lost);
  }
  return false;
}

// Where the last row ends so that its checksum holds.
std::size_t RowEntries::end_of_block(engine::Bytes key, engine::Bytes value) const {
  for (std::size_t end = value.size(); end > kBlockHashesAt; --end) {
    try {
      const Block block({table(), key}, value.substr(0, end));
      ComponentRow row;
      block.read(block.count() - 1, row);
      return end;
    } catch (const Error&) {
      continue;
    }
  }
  return value.size();
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
