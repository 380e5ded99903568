// What keeps damage from passing for absence. Damage to the key of an entry hides it from look-ups, without any checksum
// being looked at. But keys are in order, which is checked before a file is mapped (page_check.h): the entry still lies
// where it is missed, between the entries before and behind. So whoever finds nothing checks these two.
#pragma once

#include <optional>

#include "record.h"
#include "transaction.h"

namespace piecemark::engine {

// `check` is called with place and value of an entry and throws where they do not belong together.
template <class Check>
void check_entry_before(const ReadTransaction& transaction, const Table& table, Bytes key,
                        const Check& check) {
  if (const auto before = transaction.before(table, key))
    check(RecordPlace{table.name, before->key}, before->value);
}
// The entry before the key, and the one under it or behind it.
template <class Check>
void check_entries_beside(const ReadTransaction& transaction, const Table& table, Bytes key,
                          const Check& check) {
  check_entry_before(transaction, table, key, check);
  if (const auto behind = transaction.seek(table, key))
    check(RecordPlace{table.name, behind->key}, behind->value);
}

// The record under a key, still sealed; nullopt where there is none for sure.
// Errors  corrupt_record
inline std::optional<Bytes> get_sealed(const ReadTransaction& transaction, const Table& table, Bytes key) {
  const auto record = transaction.get(table, key);
  if (!record) check_entries_beside(transaction, table, key, unseal);
  return record;
}

}  // namespace piecemark::engine
