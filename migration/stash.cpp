#include "stash.h"

#include <algorithm>

#include "engine/absence.h"
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

std::string key_of(const index::Format& newer, Stash::State state, const StashRow& entry) {
  std::string key = prefix_of(newer, state, entry.what);
  engine::append_big_endian(key, entry.run);
  key.append(engine::bytes_of(entry.row.id));
  return key;
}

// The format above the step of a key; nullptr for a step that is unknown.
const index::Format* newer_format_of(Bytes key) {
  return index::format_numbered(engine::load_big_endian(key) + 1);
}

using What = SetAside::What;
using State = Stash::State;

// Errors  corrupt_record
What require_stash_key(const engine::Table& table, Bytes key) {
  if (key.size() == kKeySize && newer_format_of(key) != nullptr) {
    const auto state = static_cast<State>(key[kStateAt]);
    const auto what = static_cast<What>(key[kWhatAt]);
    if ((what == What::identifier || what == What::row) &&
        (state == State::waiting || state == State::left_over)) {
      return what;
    }
  }
  engine::throw_corrupt_record({table.name, key}, "a key that is none of the stash");
}

StashRow decode(const engine::Table& table, Bytes key, Bytes value) {
  const What what = require_stash_key(table, key);
  const index::Format* newer = newer_format_of(key);
  StashRecord record;
  engine::decode_record({table.name, key}, value, newer->class_version, record);
  record.row.id = engine::uuid_from(key.substr(kIdAt));
  return {.what = what, .run = record.run, .reason = record.reason, .row = record.row};
}

}  // namespace

SetAside to_set_aside(const StashRow& entry) {
  return {.what = entry.what,
          .run = entry.run,
          .reason = std::string(entry.reason),
          .component = to_component(entry.row)};
}

void Stash::for_each(const engine::ReadTransaction& transaction, const Visitor& visit) const {
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) {
    const StashRow entry = decode(table_, cursor.key(), cursor.value());
    visit(static_cast<State>(cursor.key()[kStateAt]), entry);
  }
}

void Stash::clear_waiting(engine::WriteTransaction& transaction, const index::Format& newer) const {
  const std::string prefix = prefix_of(newer, State::waiting);
  if (holds_only(transaction, prefix)) {
    transaction.clear(table_);
  } else {
    transaction.erase_prefix(table_, prefix);
  }
}

// True if every key of the table begins with the prefix.
bool Stash::holds_only(const engine::ReadTransaction& transaction, const std::string& prefix) const {
  engine::Cursor cursor(transaction, table_);
  return cursor.first() && cursor.key().starts_with(prefix) && cursor.last() &&
         cursor.key().starts_with(prefix);
}

void Stash::clear_left_over(engine::WriteTransaction& transaction) const {
  for (const index::Format& format : index::formats().subspan(1)) {
    transaction.erase_prefix(table_, prefix_of(format, State::left_over));
  }
}

void Stash::copy_to(const Stash& other, const engine::ReadTransaction& from, engine::WriteTransaction& to,
                    const std::vector<const index::Format*>& returning) const {
  const auto returns = [&](Bytes key) {
    return std::any_of(returning.begin(), returning.end(), [&](const index::Format* newer) {
      return key.starts_with(prefix_of(*newer, State::waiting));
    });
  };
  engine::TableWriter writer(to, other.table_);
  engine::Cursor cursor(from, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) {
    decode(table_, cursor.key(), cursor.value());  // Damage is not carried on.
    if (returns(cursor.key())) continue;
    if (!writer.append(cursor.key(), cursor.value())) {
      engine::throw_corrupt_record({table_.name, cursor.key()}, "a key that is out of order");
    }
  }
}

Stash::Writer::Writer(const Stash& stash, engine::WriteTransaction& transaction, const index::Format& newer)
    : table_(stash.table_), writer_(transaction, stash.table_), newer_(newer) {}

void Stash::Writer::put(State state, const StashRow& entry) {
  key_ = key_of(newer_, state, entry);
  engine::encode_record({table_.name, key_}, StashRecord{entry.run, entry.reason, entry.row},
                        newer_.class_version, record_);
  is_appending_ = is_appending_ && writer_.append(key_, record_);
  if (!is_appending_) writer_.put(key_, record_);
}

Stash::Waiting::Waiting(const Stash& stash, const engine::ReadTransaction& transaction,
                        const index::Format& newer, What what)
    : table_(stash.table_),
      cursor_(transaction, stash.table_),
      prefix_(prefix_of(newer, State::waiting, what)) {
  engine::check_entry_before(transaction, table_, prefix_, engine::unseal);
  settle(cursor_.seek(prefix_));
}

StashRow Stash::Waiting::read() {
  cursor_.reread();
  return decode(table_, cursor_.key(), cursor_.value());
}

void Stash::Waiting::settle(bool found) {
  at_end_ = !found || !cursor_.key().starts_with(prefix_);
  if (at_end_) {
    if (found)
      engine::unseal({table_.name, cursor_.key()}, cursor_.value());  // Its key may have been another.
    return;
  }
  require_stash_key(table_, cursor_.key());
  id_ = engine::uuid_from(cursor_.key().substr(kIdAt));
}

}  // namespace piecemark::migration
