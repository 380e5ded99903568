// Any bytes as a record: as they are, and with a checksum that holds.
#include "engine/record.h"

#include "piecemark/error.h"
#include "target.h"

namespace {

using namespace piecemark;

constexpr engine::RecordPlace kPlace{"components.2", "0123456789abcdef"};

// What is decoded is encoded to the same bytes.
template <class T>
void decode(const std::string& record, unsigned class_version) {
  try {
    T object{};
    engine::decode_record(kPlace, record, class_version, object);
    std::string again;
    engine::encode_record(kPlace, object, class_version, again);
    fuzz::require(again == record, "a record that can be read can be written");
  } catch (const Error&) {  // What is no record is refused.
  }
}

void decode_all(const std::string& record) {
  decode<ComponentRow>(record, 0);
  decode<ComponentRow>(record, 1);
  decode<Drawing>(record, 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string record(fuzz::text_of(data, size));
  decode_all(record);
  if (record.size() < engine::kChecksumSize) return 0;
  engine::seal(kPlace, record);
  decode_all(record);
  return 0;
}
