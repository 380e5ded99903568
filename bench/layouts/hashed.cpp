#include "hashed.h"

#include <utility>

#include "cursors.h"
#include "engine/hash.h"
#include "engine/record.h"
#include "sorted_rows.h"
#include "verifying.h"

namespace piecemark::bench {

using engine::Bytes;
using engine::bytes_of;
using engine::Cursor;
using engine::KeyWriter;
using engine::ReadTransaction;
using engine::uuid_from;
using index::DrawingKey;
using index::InstanceKey;
using index::KeyCursor;
using index::RowCursor;

namespace {

constexpr unsigned kRecordVersion = 1;
constexpr char kEntryVersion = '\1';

// An entry is all key; the one byte is there because nothing cannot be sealed.
std::optional<std::string_view> problem_of(const engine::RecordPlace& place, Bytes entry) {
  if (engine::try_unseal(place, entry) != Bytes(&kEntryVersion, 1)) return "an entry that fails its checksum";
  if (place.key.size() < sizeof(Uuid)) return "a key without an id";
  return std::nullopt;
}

}  // namespace

std::string HashedLayout::hash_of(Bytes key_columns) const {
  const std::uint64_t hash = engine::xxh3(key_columns);
  const std::uint64_t cut = hash_bits_ == 0 ? 0 : hash >> (kHashBits - hash_bits_);
  std::string bytes;
  engine::append(bytes, __builtin_bswap64(cut));
  return bytes;
}

std::string HashedLayout::hash_key_of(const ComponentRow& row) const {
  return hash_of(CompositeKey::columns_of(row)).append(bytes_of(row.id));
}

std::string HashedLayout::drawing_key_of(const DrawingKey& drawing, const Uuid& id) {
  return KeyWriter().nullable_uuid(drawing).uuid(id).take();
}

void HashedLayout::encode(const ComponentRow& row, std::string& record) const {
  engine::encode_record({rows_.name, bytes_of(row.id)}, row, kRecordVersion, record);
}

ComponentRow HashedLayout::decode(Bytes id, Bytes record) const {
  const engine::RecordPlace place{rows_.name, id};
  ComponentRow row;
  engine::decode_record(place, record, kRecordVersion, row);
  if (id.size() != sizeof(Uuid)) engine::throw_corrupt_record(place, "a key that is no id");
  row.id = uuid_from(id);
  return row;
}

void HashedLayout::write_entry(const engine::Table& table, Bytes key, std::string& to) {
  to.assign(engine::kChecksumSize, '\0');
  to += kEntryVersion;
  engine::seal({table.name, key}, to);
}

Bytes HashedLayout::id_behind(const engine::Table& table, Bytes key, Bytes entry) {
  const engine::RecordPlace place{table.name, key};
  if (const auto problem = problem_of(place, entry)) {
    engine::throw_corrupt_record(place, std::string(*problem));
  }
  return key.substr(key.size() - sizeof(Uuid));
}

ComponentRow HashedLayout::row_behind(const ReadTransaction& transaction, const engine::Table& table,
                                      Bytes key, Bytes entry) const {
  const Bytes id = id_behind(table, key, entry);
  const auto record = transaction.get(rows_, id);
  if (!record) engine::throw_corrupt_record({table.name, key}, "an entry for a component that is not there");
  return decode(id, *record);
}

std::optional<ComponentRow> HashedLayout::get(const ReadTransaction& transaction, const Uuid& id) const {
  const auto record = transaction.get(rows_, bytes_of(id));
  return record ? std::optional(decode(bytes_of(id), *record)) : std::nullopt;
}

// As WithKey, without a cursor of its own.
std::optional<ComponentRow> HashedLayout::find(const ReadTransaction& transaction, const DrawingKey& drawing,
                                               std::string_view piece_mark,
                                               const InstanceKey& instance) const {
  if (!CompositeKey::can_occur(piece_mark, instance)) return std::nullopt;
  const std::string hash = hash_of(CompositeKey::columns_of(drawing, piece_mark, instance));
  auto found = transaction.seek(hashes_, hash);
  while (found && found->key.starts_with(hash)) {
    const ComponentRow row = row_behind(transaction, hashes_, found->key, found->value);
    if (row.drawing_id == drawing && row.piece_mark == piece_mark && row.instance_identifier == instance) {
      return row;
    }
    found = transaction.seek(hashes_, std::string(found->key) + '\0');  // Just after the key.
  }
  return std::nullopt;
}

std::uint64_t HashedLayout::count(const ReadTransaction& transaction) const {
  return transaction.entries(rows_);
}

// Rows in the order of their ids.
class HashedLayout::ById final : public RowCursor {
 public:
  ById(const HashedLayout& layout, const ReadTransaction& transaction)
      : layout_(layout), cursor_(transaction, layout.rows_) {}

  bool next(ComponentRow& row) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.first())) return false;
    row = layout_.decode(cursor_.key(), cursor_.value());
    return true;
  }

 private:
  const HashedLayout& layout_;
  Cursor cursor_;
  bool is_started_ = false;
};

// The rows of a drawing, or those of all drawings one after the other, by id; only those of a mark, if it is given.
class HashedLayout::InDrawing final : public RowCursor {
 public:
  InDrawing(const HashedLayout& layout, const ReadTransaction& transaction, std::string prefix,
            std::optional<std::string_view> piece_mark = std::nullopt)
      : layout_(layout),
        transaction_(transaction),
        cursor_(transaction, layout.drawings_),
        prefix_(std::move(prefix)),
        mark_(piece_mark) {}

  bool next(ComponentRow& row) override {
    do {
      if (!(std::exchange(is_started_, true) ? cursor_.next() : start())) return false;
      if (!cursor_.key().starts_with(prefix_)) return false;
      row = layout_.row_behind(transaction_, layout_.drawings_, cursor_.key(), cursor_.value());
    } while (mark_ && row.piece_mark != *mark_);
    return true;
  }

 private:
  bool start() { return prefix_.empty() ? cursor_.first() : cursor_.seek(prefix_); }

  const HashedLayout& layout_;
  const ReadTransaction& transaction_;
  Cursor cursor_;
  std::string prefix_;
  std::optional<std::string> mark_;
  bool is_started_ = false;
};

// The rows of one drawing, mark and instance, by id.
class HashedLayout::WithKey final : public RowCursor {
 public:
  WithKey(const HashedLayout& layout, const ReadTransaction& transaction, std::string columns)
      : layout_(layout),
        transaction_(transaction),
        cursor_(transaction, layout.hashes_),
        columns_(std::move(columns)),
        hash_(layout.hash_of(columns_)) {}

  bool next(ComponentRow& row) override {
    do {
      if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.seek(hash_))) return false;
      if (!cursor_.key().starts_with(hash_)) return false;
      row = layout_.row_behind(transaction_, layout_.hashes_, cursor_.key(), cursor_.value());
    } while (CompositeKey::columns_of(row) != columns_);
    return true;
  }

 private:
  const HashedLayout& layout_;
  const ReadTransaction& transaction_;
  Cursor cursor_;
  std::string columns_;
  std::string hash_;
  bool is_started_ = false;
};

std::unique_ptr<RowCursor> HashedLayout::all_by_id(const ReadTransaction& transaction,
                                                   const std::string& /*sorting_folder*/) const {
  return std::make_unique<ById>(*this, transaction);
}

std::unique_ptr<RowCursor> HashedLayout::all_by_key(const ReadTransaction& transaction) const {
  return std::make_unique<SortedRows>(std::make_unique<InDrawing>(*this, transaction, std::string()));
}

std::unique_ptr<KeyCursor> HashedLayout::all_keys(const ReadTransaction& transaction) const {
  return std::make_unique<KeysOfRows>(all_by_key(transaction));
}

std::unique_ptr<RowCursor> HashedLayout::in_drawing(const ReadTransaction& transaction,
                                                    const DrawingKey& drawing, Order order) const {
  auto rows = std::make_unique<InDrawing>(*this, transaction, KeyWriter().nullable_uuid(drawing).take());
  if (order == Order::by_key) return std::make_unique<SortedRows>(std::move(rows));
  return rows;
}

std::unique_ptr<RowCursor> HashedLayout::instances(const ReadTransaction& transaction,
                                                   const DrawingKey& drawing, std::string_view piece_mark,
                                                   Order order) const {
  auto rows =
      std::make_unique<InDrawing>(*this, transaction, KeyWriter().nullable_uuid(drawing).take(), piece_mark);
  if (order == Order::by_key) return std::make_unique<SortedRows>(std::move(rows));
  return rows;
}

std::unique_ptr<RowCursor> HashedLayout::with_key(const ReadTransaction& transaction,
                                                  const DrawingKey& drawing, std::string_view piece_mark,
                                                  const InstanceKey& instance) const {
  if (!CompositeKey::can_occur(piece_mark, instance)) return std::make_unique<NoRows>();
  return std::make_unique<WithKey>(*this, transaction,
                                   CompositeKey::columns_of(drawing, piece_mark, instance));
}

void HashedLayout::clear(engine::WriteTransaction& transaction) const {
  transaction.clear(rows_);
  transaction.clear(hashes_);
  transaction.clear(drawings_);
}

void HashedLayout::verify(const ReadTransaction& transaction, const RowVisitor& visit,
                          const ProblemSink& report) const {
  const Verifier verifier(transaction, report);
  const auto expect_entry = [&](const engine::Table& table, const std::string& key) {
    const auto entry = transaction.get(table, key);
    if (!entry || problem_of({table.name, key}, *entry))
      verifier.report({table.name, key}, "the entry of a component is missing or damaged");
  };
  const auto verify_row = [&](Bytes id, Bytes record) {
    const ComponentRow row = decode(id, record);
    expect_entry(hashes_, hash_key_of(row));
    expect_entry(drawings_, drawing_key_of(row.drawing_id, row.id));
    visit(row);
    if (!keys_.is_constrained(row.drawing_id, row.instance_identifier)) return;
    const auto first = find(transaction, row.drawing_id, row.piece_mark, row.instance_identifier);
    if (first && first->id != row.id)
      verifier.report({rows_.name, id}, "another component has its drawing, mark and instance");
  };
  // Each row was held against its entries. As many entries as rows means that none is left over.
  const std::uint64_t rows = verifier.verify(rows_, verify_row);
  for (const engine::Table& table : {hashes_, drawings_}) {
    const auto verify_entry = [&](Bytes key, Bytes entry) {
      if (!transaction.get(rows_, id_behind(table, key, entry)))
        engine::throw_corrupt_record({table.name, key}, "an entry for a component that is not there");
    };
    verifier.expect_count(table, verifier.verify(table, verify_entry), rows, "entries are");
  }
}

}  // namespace piecemark::bench
