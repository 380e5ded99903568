#include "batch.h"

#include <algorithm>

namespace piecemark::engine {
namespace {

// What a batch keeps for the next statement: enough for those that change a few rows.
constexpr std::size_t kChangesKept = 64;
constexpr std::size_t kBytesKept = std::size_t{16} << 10;  // of one value

bool is_key_less(const Batch::Change& change, Bytes key) {
  return change.key < key;
}

std::string just_after(Bytes key) {
  std::string after(key);
  after += '\0';
  return after;
}

}  // namespace

Batch::OfTable& Batch::changes_of(const Table& table) {
  for (OfTable& of : tables_) {
    if (of.table.handle == table.handle) return of;
  }
  return tables_.emplace_back(OfTable{.table = table, .changes = {}});
}

// The change of this key; a new one takes its place in the order.
Batch::Change& Batch::OfTable::add(Bytes key) {
  const auto begin = changes.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(count);
  auto at = end;
  if (count > 0 && changes[count - 1].key >= key) {
    at = std::lower_bound(begin, end, key, is_key_less);
    if (at->key == key) return *at;
  }
  const std::ptrdiff_t place = at - begin;
  if (count == changes.size()) changes.emplace_back();
  Change& fresh = changes[count];
  fresh.key.assign(key);
  ++count;
  const auto first = changes.begin() + place;
  const auto last = changes.begin() + static_cast<std::ptrdiff_t>(count);
  std::rotate(first, last - 1, last);
  return *first;
}

std::string& Batch::put(const Table& table, Bytes key) {
  Change& change = changes_of(table).add(key);
  change.erases = false;
  change.value.clear();
  return change.value;
}

void Batch::erase(const Table& table, Bytes key) {
  changes_of(table).add(key).erases = true;
}

void Batch::clear() noexcept {
  for (OfTable& of : tables_) {
    if (of.changes.size() > kChangesKept) {
      of.changes = {};
    } else {
      for (std::size_t i = 0; i < of.count; ++i) {
        if (of.changes[i].value.capacity() > kBytesKept) std::string().swap(of.changes[i].value);
      }
    }
    of.count = 0;
  }
}

bool Batch::is_empty() const {
  return std::all_of(tables_.begin(), tables_.end(), [](const OfTable& of) { return of.count == 0; });
}

Batch::Changes Batch::of(const Table& table) const {
  for (const OfTable& of : tables_) {
    if (of.table.handle == table.handle) return {of.changes.data(), of.changes.data() + of.count};
  }
  return {nullptr, nullptr};
}

const Batch::Change* Batch::Changes::lower_bound(Bytes key) const {
  return std::lower_bound(begin_, end_, key, is_key_less);
}

const Batch::Change* Batch::Changes::find(Bytes key) const {
  const Change* const found = lower_bound(key);
  return found != end_ && found->key == key ? found : nullptr;
}

std::optional<PendingTable::Entry> PendingTable::seek(Bytes key) const {
  std::optional<Entry> stored = transaction_.seek(table_, key);
  if (changes_.begin() == changes_.end()) return stored;
  while (stored && changes_.find(stored->key) != nullptr) {
    stored = transaction_.seek(table_, just_after(stored->key));
  }
  const Batch::Change* change = changes_.lower_bound(key);
  while (change != changes_.end() && change->erases) ++change;
  if (change == changes_.end() || (stored && stored->key < change->key)) return stored;
  return Entry{change->key, change->value};
}

std::optional<PendingTable::Entry> PendingTable::after(Bytes key) const {
  return seek(just_after(key));
}

std::optional<PendingTable::Entry> PendingTable::before(Bytes key) const {
  std::optional<Entry> stored = transaction_.before(table_, key);
  if (changes_.begin() == changes_.end()) return stored;
  while (stored && changes_.find(stored->key) != nullptr) stored = transaction_.before(table_, stored->key);
  const Batch::Change* change = changes_.lower_bound(key);
  while (change != changes_.begin() && (change - 1)->erases) --change;
  if (change == changes_.begin() || (stored && stored->key > (change - 1)->key)) return stored;
  return Entry{(change - 1)->key, (change - 1)->value};
}

}  // namespace piecemark::engine
