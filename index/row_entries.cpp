#include "row_entries.h"

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

}  // namespace

std::string_view RowEntries::table() const {
  return name_of(format_.rows);
}

bool RowEntries::read(engine::Bytes key, engine::Bytes value, const RowVisitor& visit,
                      const LossVisitor& on_lost) const {
  return format_.layout == LayoutKind::packed ? read_block(key, value, visit, on_lost)
                                              : read_record(key, value, visit);
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
