#include "packed_ids.h"

#include <utility>

namespace piecemark::index {

using engine::bytes_of;
using engine::ReadTransaction;

namespace {

// No id is greater.
const std::string& last_key() {
  static const auto& key = *new std::string(sizeof(Uuid), '\xFF');  // Never destroyed, like the scope.
  return key;
}

}  // namespace

void IdBlocks::read(const engine::RecordPlace& place, engine::Bytes bytes, std::vector<IdEntry>& entries) {
  IdBlock(place, bytes).read(entries);
}

void IdBlocks::throw_missing(const engine::Table& table, const IdEntry& entry) {
  engine::throw_corrupt_record({table.name, bytes_of(entry.id)}, "no entry for a component that is there");
}

void IdBlocks::throw_present(const engine::Table& table, const IdEntry& entry) {
  engine::throw_corrupt_record({table.name, bytes_of(entry.id)}, "an entry where there was none before");
}

const BlockScope& IdBlocks::scope() {
  // Stores may be used until the very end of the process.
  static const auto& all = *new BlockScope{"", last_key()};
  return all;
}

std::optional<IdEntry> PackedIds::find(const ReadTransaction& transaction, const Uuid& id) const {
  const auto found = transaction.seek(table_, bytes_of(id));
  if (!found) {
    // The last block has the greatest key there can be: there are no blocks, or it is damaged.
    engine::check_entry_before(transaction, table_, bytes_of(id), check_seal<IdBlock>);
    return std::nullopt;
  }
  const IdBlock block({table_.name, found->key}, found->value);
  if (block.begins_behind(id)) {
    engine::check_entry_before(transaction, table_, found->key, check_seal<IdBlock>);
    return std::nullopt;
  }
  return block.find(id);
}

std::uint64_t PackedIds::count(const ReadTransaction& transaction) const {
  std::uint64_t count = 0;
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) {
    count += IdBlock({table_.name, cursor.key()}, cursor.value()).count();
  }
  return count;
}

std::optional<Uuid> PackedIds::greatest(const ReadTransaction& transaction) const {
  engine::Cursor cursor(transaction, table_);
  if (!cursor.last()) return std::nullopt;
  std::vector<IdEntry> entries;
  IdBlocks::read({table_.name, cursor.key()}, cursor.value(), entries);
  return entries.back().id;
}

void PackedIds::Filler::add(const IdEntry& entry) {
  packer_.add(entry, kFreshCapacity,
              [&](const EncodedBlock& block) { writer_.append(block.key, block.bytes); });
}

void PackedIds::Filler::finish() {
  packer_.finish(IdBlocks::scope().last_key,
                 [&](const EncodedBlock& block) { writer_.append(block.key, block.bytes); });
}

bool PackedIds::Cursor::next(IdEntry& entry) {
  if (next_ == entries_.size()) {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.first())) return false;
    IdBlocks::read({table_.name, cursor_.key()}, cursor_.value(), entries_);
    next_ = 0;
  }
  entry = entries_[next_++];
  return true;
}

}  // namespace piecemark::index
