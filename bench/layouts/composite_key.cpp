#include "composite_key.h"

namespace piecemark::bench {

using engine::KeyWriter;
using index::DrawingKey;
using index::InstanceKey;
using index::RowKey;

bool CompositeKey::can_occur(std::string_view piece_mark, const InstanceKey& instance) {
  constexpr auto kNone = std::string_view::npos;
  return piece_mark.find('\0') == kNone && (!instance || instance->find('\0') == kNone);
}

std::string CompositeKey::columns_of(const DrawingKey& drawing, std::string_view piece_mark,
                                     const InstanceKey& instance) {
  return KeyWriter().nullable_uuid(drawing).text(piece_mark).nullable_text(instance).take();
}

std::string CompositeKey::of(const RowKey& key) const {
  KeyWriter writer;
  writer.nullable_uuid(key.drawing).text(key.piece_mark).nullable_text(key.instance);
  if (!is_constrained(key.drawing, key.instance)) writer.uuid(key.id);
  return writer.take();
}

bool CompositeKey::read(engine::Bytes bytes, RowKey& key) const {
  engine::KeyReader reader(bytes);
  if (!reader.nullable_uuid(key.drawing) || !reader.text(key.piece_mark) ||
      !reader.nullable_text(key.instance)) {
    return false;
  }
  if (!is_constrained(key.drawing, key.instance) && !reader.uuid(key.id)) return false;
  return reader.at_end();
}

}  // namespace piecemark::bench
