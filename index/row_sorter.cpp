#include "row_sorter.h"

#include "engine/key.h"
#include "engine/record.h"

namespace piecemark::index {
namespace {

constexpr unsigned kSortedClassVersion = 1;  // with an instance identifier

}  // namespace

// A record is the key, the columns without the id, and the size of the key in one byte.
void RowSorter::add(engine::Bytes key, const ComponentRow& row) {
  record_.assign(key);
  engine::FlatWriter(record_, kSortedClassVersion) & row;
  record_ += static_cast<char>(key.size());
  records_.add(record_);
}

bool RowSorter::next(ComponentRow& row) {
  engine::Bytes record;
  if (!records_.next(record)) return false;
  const auto key_size = static_cast<unsigned char>(record.back());
  if (key_size < sizeof(Uuid) || key_size >= record.size()) engine::throw_changed_while_sorting();
  row.id = engine::uuid_from(record.substr(key_size - sizeof(Uuid), sizeof(Uuid)));
  engine::FlatReader reader(record.substr(key_size, record.size() - 1 - key_size), kSortedClassVersion);
  reader& row;
  if (!reader.complete()) engine::throw_changed_while_sorting();
  return true;
}

}  // namespace piecemark::index
