#include "stash.h"

#include <vector>

#include "engine/key.h"
#include "engine/record.h"

namespace piecemark::migration {
namespace {

struct StashRecord {
  std::uint32_t run = 0;
  std::string_view reason;
  ComponentRow row;
};

}  // namespace
}  // namespace piecemark::migration

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, piecemark::migration::StashRecord& record, const unsigned /*version*/) {
  archive& record.run& record.reason& record.row;
}

}  // namespace boost::serialization

namespace piecemark::migration {
namespace {

using engine::Bytes;

constexpr std::size_t kStateAt = 4;
constexpr std::size_t kWhatAt = 5;
constexpr std::size_t kIdAt = 10;
constexpr std::size_t kKeySize = kIdAt + sizeof(Uuid);

std::string prefix_of(const index::Format& newer, Stash::State state) {
  std::string prefix;
  engine::append_big_endian(prefix, newer.number - 1);
  prefix += static_cast<char>(state);
  return prefix;
}

std::string prefix_of(const index::Format& newer, Stash::State state, SetAside::What what) {
  return prefix_of(newer, state) + static_cast<char>(what);
}

SetAside decode(const engine::Table& table, Bytes key, Bytes value) {
  const engine::RecordPlace place{table.name, key};
  const index::Format* newer =
      key.size() == kKeySize ? index::format_numbered(engine::load_big_endian(key) + 1) : nullptr;
  const auto what = newer != nullptr ? static_cast<SetAside::What>(key[kWhatAt]) : SetAside::What{};
  if (what != SetAside::What::identifier && what != SetAside::What::row) {
    engine::throw_corrupt_record(place, "a key that is none of the stash");
  }
  StashRecord record;
  engine::decode_record(place, value, newer->class_version, record);
  record.row.id = engine::uuid_from(key.substr(kIdAt));
  return {.what = what,
          .run = record.run,
          .reason = std::string(record.reason),
          .component = to_component(record.row)};
}

}  // namespace

void Stash::for_each(const engine::ReadTransaction& transaction, const Visitor& visit) const {
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) {
    const SetAside entry = decode(table_, cursor.key(), cursor.value());
    visit(static_cast<State>(cursor.key()[kStateAt]), entry);
  }
}

void Stash::put(engine::WriteTransaction& transaction, const index::Format& newer, State state,
                const SetAside& entry) const {
  std::string key = prefix_of(newer, state, entry.what);
  engine::append_big_endian(key, entry.run);
  key.append(engine::bytes_of(entry.component.id));
  std::string record;
  engine::encode_record({table_.name, key}, StashRecord{entry.run, entry.reason, row_of(entry.component)},
                        newer.class_version, record);
  transaction.put(table_, key, record);
}

void Stash::clear_waiting(engine::WriteTransaction& transaction, const index::Format& newer) const {
  const std::string prefix = prefix_of(newer, State::waiting);
  std::vector<std::string> keys;
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.seek(prefix); found && cursor.key().starts_with(prefix); found = cursor.next()) {
    keys.emplace_back(cursor.key());
  }
  for (const std::string& key : keys) transaction.erase(table_, key);
}

Stash::Waiting::Waiting(const Stash& stash, const engine::ReadTransaction& transaction,
                        const index::Format& newer, SetAside::What what)
    : table_(stash.table_),
      cursor_(transaction, stash.table_),
      prefix_(prefix_of(newer, State::waiting, what)) {
  read(cursor_.seek(prefix_));
}

void Stash::Waiting::next() {
  read(cursor_.next());
}

void Stash::Waiting::read(bool found) {
  entry_.reset();
  if (found && cursor_.key().starts_with(prefix_)) entry_ = decode(table_, cursor_.key(), cursor_.value());
}

}  // namespace piecemark::migration
