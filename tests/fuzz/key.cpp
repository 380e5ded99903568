// Any bytes as keys of all shapes: what can be taken apart is put together to the same bytes.
#include "engine/key.h"

#include "target.h"

namespace {

using namespace piecemark;

void composite_key(std::string_view bytes) {
  engine::KeyReader reader(bytes);
  std::optional<Uuid> drawing;
  std::string_view mark;
  std::optional<std::string_view> instance;
  if (!reader.nullable_uuid(drawing) || !reader.text(mark) || !reader.nullable_text(instance)) return;
  Uuid id;
  const bool has_id = !reader.at_end();
  if (has_id && (!reader.uuid(id) || !reader.at_end())) return;
  engine::KeyWriter writer;
  writer.nullable_uuid(drawing).text(mark).nullable_text(instance);
  if (has_id) writer.uuid(id);
  fuzz::require(writer.bytes() == bytes, "a key that can be read can be written");
}

// Each byte of `shape` says what to read next.
void any_key(std::string_view shape, std::string_view bytes) {
  engine::KeyReader reader(bytes);
  for (const char column : shape) {
    Uuid id;
    std::optional<Uuid> nullable_id;
    std::string_view text;
    std::optional<std::string_view> nullable_text;
    switch (static_cast<unsigned char>(column) % 4) {
      case 0:
        static_cast<void>(reader.uuid(id));
        break;
      case 1:
        static_cast<void>(reader.nullable_uuid(nullable_id));
        break;
      case 2:
        static_cast<void>(reader.text(text));
        break;
      default:
        static_cast<void>(reader.nullable_text(nullable_text));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  composite_key(bytes);
  const std::size_t shape = std::min<std::size_t>(size, 8);
  any_key(bytes.substr(0, shape), bytes.substr(shape));
  return 0;
}
