// Any bytes as values of the flat archive; the first byte of each says of which type.
#include "engine/archive.h"

#include <optional>
#include <string>
#include <vector>

#include "target.h"

namespace {

using namespace piecemark;

template <class T>
bool load(engine::FlatReader& reader) {
  T value{};
  reader& value;
  return reader.ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  engine::FlatReader reader(fuzz::text_of(data, size), 1);
  for (std::uint8_t type = 0; load<std::uint8_t>(reader);) {
    type = static_cast<std::uint8_t>((type + size) % 8);
    switch (type) {
      case 0:
        load<std::vector<std::string>>(reader);
        break;
      case 1:
        load<std::optional<std::string_view>>(reader);
        break;
      case 2:
        load<std::optional<double>>(reader);
        break;
      case 3:
        load<std::optional<Uuid>>(reader);
        break;
      case 4:
        load<std::string>(reader);
        break;
      case 5:
        load<std::vector<std::string>>(reader);
        load<std::uint64_t>(reader);
        break;
      case 6:
        load<Timestamp>(reader);
        break;
      default:
        load<std::int32_t>(reader);
    }
  }
  fuzz::require(!reader.complete(), "a reader that ran out of bytes says so");
  return 0;
}
