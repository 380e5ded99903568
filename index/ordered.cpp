#include "ordered.h"

#include <utility>
#include <vector>

#include "engine/record.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::bytes_of;
using engine::Cursor;
using engine::KeyWriter;
using engine::ReadTransaction;
using engine::uuid_from;
using engine::WriteTransaction;

// The key as a reader knows it where it is one, else its bytes.
std::string describe(Bytes key) {
  engine::KeyReader reader(key);
  std::optional<Uuid> drawing;
  std::string_view mark;
  if (!reader.nullable_uuid(drawing) || !reader.text(mark)) return "key " + engine::to_hex(key);
  std::string text =
      "drawing " + (drawing ? drawing->to_string() : "NULL") + ", mark \"" + std::string(mark) + "\"";
  std::optional<std::string_view> instance;
  if (reader.nullable_text(instance))
    text += instance ? ", instance \"" + std::string(*instance) + "\"" : ", instance NULL";
  return text;
}

}  // namespace

bool OrderedLayout::is_constrained(const DrawingKey& drawing, const InstanceKey& instance) const {
  if (nulls_not_distinct_) return true;
  return drawing && (instance || !format_.has(Column::instance_identifier));
}

// U+0000 ends a text within a key, and no row has it; a look-up with it must not reach into what follows.
bool OrderedLayout::can_occur(std::string_view piece_mark, const InstanceKey& instance) const {
  if (piece_mark.find('\0') != std::string_view::npos) return false;
  if (!instance) return true;
  return format_.has(Column::instance_identifier) && instance->find('\0') == std::string_view::npos;
}

std::string OrderedLayout::key_columns(const DrawingKey& drawing, std::string_view piece_mark,
                                       const InstanceKey& instance) const {
  KeyWriter key;
  key.nullable_uuid(drawing).text(piece_mark);
  if (format_.has(Column::instance_identifier)) key.nullable_text(instance);
  return key.take();
}

void OrderedLayout::write_key(const RowKey& key, KeyWriter& to) const {
  to.clear();
  to.nullable_uuid(key.drawing).text(key.piece_mark);
  if (format_.has(Column::instance_identifier)) to.nullable_text(key.instance);
  if (!is_constrained(key.drawing, key.instance)) to.uuid(key.id);
}

std::string OrderedLayout::key_of(const ComponentRow& row) const {
  KeyWriter key;
  write_key({row.drawing_id, row.piece_mark, row.instance_identifier, row.id}, key);
  return key.take();
}

ComponentRow OrderedLayout::decode(const Uuid& id, Bytes record) const {
  ComponentRow row;
  engine::decode_record({rows_.name, bytes_of(id)}, record, format_.class_version, row);
  row.id = id;
  return row;
}

void OrderedLayout::write_entry(Bytes key, const Uuid& id, std::string& to) const {
  to.assign(engine::kChecksumSize, '\0');
  to.append(bytes_of(id));
  engine::seal({unique_.name, key}, to);
}

Uuid OrderedLayout::decode_entry(Bytes key, Bytes entry) const {
  const Bytes payload = engine::unseal({unique_.name, key}, entry);
  if (payload.size() != sizeof(Uuid))
    engine::throw_corrupt_record({unique_.name, key}, "an entry that holds no id");
  return uuid_from(payload);
}

ComponentRow OrderedLayout::row_behind(const ReadTransaction& transaction, Bytes key, Bytes entry) const {
  const Uuid id = decode_entry(key, entry);
  const auto record = transaction.get(rows_, bytes_of(id));
  if (!record)
    engine::throw_corrupt_record({unique_.name, key},
                                 "an entry for component " + id.to_string() + ", which is not there");
  return decode(id, *record);
}

std::optional<ComponentRow> OrderedLayout::get(const ReadTransaction& transaction, const Uuid& id) const {
  const auto record = transaction.get(rows_, bytes_of(id));
  return record ? std::optional(decode(id, *record)) : std::nullopt;
}

std::optional<ComponentRow> OrderedLayout::find(const ReadTransaction& transaction, const DrawingKey& drawing,
                                                std::string_view piece_mark,
                                                const InstanceKey& instance) const {
  if (!can_occur(piece_mark, instance)) return std::nullopt;
  const std::string key = key_columns(drawing, piece_mark, instance);
  if (is_constrained(drawing, instance)) {
    const auto entry = transaction.get(unique_, key);
    return entry ? std::optional(row_behind(transaction, key, *entry)) : std::nullopt;
  }
  Cursor cursor(transaction, unique_);
  if (!cursor.seek(key) || !cursor.key().starts_with(key)) return std::nullopt;
  return row_behind(transaction, cursor.key(), cursor.value());
}

std::uint64_t OrderedLayout::count(const ReadTransaction& transaction) const {
  return transaction.entries(rows_);
}

// Rows in the order of their ids.
class OrderedLayout::ById final : public RowCursor {
 public:
  ById(const OrderedLayout& layout, const ReadTransaction& transaction)
      : layout_(layout), cursor_(transaction, layout.rows_) {}

  bool next(ComponentRow& row) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.first())) return false;
    if (cursor_.key().size() != sizeof(Uuid)) {
      engine::throw_corrupt_record({layout_.rows_.name, cursor_.key()}, "a key that is no id");
    }
    row = layout_.decode(uuid_from(cursor_.key()), cursor_.value());
    return true;
  }

 private:
  const OrderedLayout& layout_;
  Cursor cursor_;
  bool is_started_ = false;
};

// Rows whose key begins with the prefix, in the order of the index.
class OrderedLayout::ByKey final : public RowCursor {
 public:
  ByKey(const OrderedLayout& layout, const ReadTransaction& transaction, std::string prefix)
      : layout_(layout),
        transaction_(transaction),
        cursor_(transaction, layout.unique_),
        prefix_(std::move(prefix)) {}

  bool next(ComponentRow& row) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : start())) return false;
    if (!cursor_.key().starts_with(prefix_)) return false;
    row = layout_.row_behind(transaction_, cursor_.key(), cursor_.value());
    return true;
  }

 private:
  bool start() { return prefix_.empty() ? cursor_.first() : cursor_.seek(prefix_); }

  const OrderedLayout& layout_;
  const ReadTransaction& transaction_;
  Cursor cursor_;
  std::string prefix_;
  bool is_started_ = false;
};

// The whole index, without the rows.
class OrderedLayout::Keys final : public KeyCursor {
 public:
  Keys(const OrderedLayout& layout, const ReadTransaction& transaction)
      : layout_(layout), cursor_(transaction, layout.unique_) {}

  bool next(RowKey& key) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.first())) return false;
    key.id = layout_.decode_entry(cursor_.key(), cursor_.value());
    if (!read(cursor_.key(), key)) {
      engine::throw_corrupt_record({layout_.unique_.name, cursor_.key()}, "a key that is none of this index");
    }
    return true;
  }

 private:
  bool read(Bytes bytes, RowKey& key) const {
    engine::KeyReader reader(bytes);
    key.instance.reset();
    if (!reader.nullable_uuid(key.drawing) || !reader.text(key.piece_mark)) return false;
    if (layout_.format_.has(Column::instance_identifier) && !reader.nullable_text(key.instance)) return false;
    Uuid id;
    if (!layout_.is_constrained(key.drawing, key.instance) && (!reader.uuid(id) || id != key.id))
      return false;
    return reader.at_end();
  }

  const OrderedLayout& layout_;
  Cursor cursor_;
  bool is_started_ = false;
};

// No rows.
class OrderedLayout::None final : public RowCursor {
 public:
  bool next(ComponentRow& /*row*/) override { return false; }
};

std::unique_ptr<RowCursor> OrderedLayout::all_by_id(const ReadTransaction& transaction) const {
  return std::make_unique<ById>(*this, transaction);
}

std::unique_ptr<RowCursor> OrderedLayout::all_by_key(const ReadTransaction& transaction) const {
  return std::make_unique<ByKey>(*this, transaction, std::string());
}

std::unique_ptr<KeyCursor> OrderedLayout::all_keys(const ReadTransaction& transaction) const {
  return std::make_unique<Keys>(*this, transaction);
}

std::unique_ptr<RowCursor> OrderedLayout::in_drawing(const ReadTransaction& transaction,
                                                     const DrawingKey& drawing, Order /*order*/) const {
  return std::make_unique<ByKey>(*this, transaction, KeyWriter().nullable_uuid(drawing).take());
}

std::unique_ptr<RowCursor> OrderedLayout::instances(const ReadTransaction& transaction,
                                                    const DrawingKey& drawing, std::string_view piece_mark,
                                                    Order /*order*/) const {
  if (!can_occur(piece_mark, std::nullopt)) return std::make_unique<None>();
  return std::make_unique<ByKey>(*this, transaction,
                                 KeyWriter().nullable_uuid(drawing).text(piece_mark).take());
}

std::unique_ptr<RowCursor> OrderedLayout::with_key(const ReadTransaction& transaction,
                                                   const DrawingKey& drawing, std::string_view piece_mark,
                                                   const InstanceKey& instance) const {
  if (!can_occur(piece_mark, instance)) return std::make_unique<None>();
  return std::make_unique<ByKey>(*this, transaction, key_columns(drawing, piece_mark, instance));
}

void OrderedLayout::clear(WriteTransaction& transaction) const {
  transaction.clear(rows_);
  transaction.clear(unique_);
}

void OrderedLayout::verify(const ReadTransaction& transaction, const RowVisitor& visit,
                           const ProblemSink& report) const {
  const auto sound_row = [&](Bytes key, Bytes record) -> std::optional<ComponentRow> {
    if (key.size() != sizeof(Uuid)) {
      report("table '" + std::string(rows_.name) + "', " + describe(key) + ": the key is no id");
      return std::nullopt;
    }
    try {
      return decode(uuid_from(key), record);
    } catch (const Error& error) {
      report("table '" + std::string(rows_.name) + "', " + describe(key) + ": " + error.facts().found);
      return std::nullopt;
    }
  };

  std::uint64_t rows = 0;
  std::string last;
  Cursor records(transaction, rows_);
  for (bool found = records.first(); found; found = records.next(), ++rows) {
    if (rows > 0 && records.key() <= last)
      report("table '" + std::string(rows_.name) + "', " + describe(records.key()) + ": out of order");
    last = records.key();
    const auto row = sound_row(records.key(), records.value());
    if (!row) continue;
    const std::string key = key_of(*row);
    const auto entry = transaction.get(unique_, key);
    const auto payload = entry ? engine::try_unseal({unique_.name, key}, *entry) : std::nullopt;
    if (!payload || *payload != bytes_of(row->id)) {
      report("component " + row->id.to_string() + ": its entry in '" + std::string(unique_.name) +
             "' is missing or leads elsewhere");
    }
    visit(*row);
  }
  if (rows != transaction.entries(rows_)) {
    report("table '" + std::string(rows_.name) + "': its counter says " +
           std::to_string(transaction.entries(rows_)) + " rows, there are " + std::to_string(rows));
  }

  std::uint64_t entries = 0;
  Cursor index(transaction, unique_);
  for (bool found = index.first(); found; found = index.next(), ++entries) {
    const std::string where = "table '" + std::string(unique_.name) + "', " + describe(index.key()) + ": ";
    if (entries > 0 && index.key() <= last) report(where + "out of order");
    last = index.key();
    const auto payload = engine::try_unseal({unique_.name, index.key()}, index.value());
    if (!payload || payload->size() != sizeof(Uuid)) {
      report(where + "an entry that fails its checksum");
      continue;
    }
    const auto record = transaction.get(rows_, *payload);
    if (!record) {
      report(where + "an entry for component " + uuid_from(*payload).to_string() + ", which is not there");
      continue;
    }
    // A record that fails its checksum was reported above.
    const auto unsealed = engine::try_unseal({rows_.name, *payload}, *record);
    if (unsealed && key_of(decode(uuid_from(*payload), *record)) != index.key()) {
      report(where + "an entry for component " + uuid_from(*payload).to_string() + ", whose key is another");
    }
  }
  if (entries != transaction.entries(unique_) || entries != rows) {
    report("table '" + std::string(unique_.name) + "': " + std::to_string(entries) +
           " entries, its counter says " + std::to_string(transaction.entries(unique_)) + ", for " +
           std::to_string(rows) + " components");
  }
}

}  // namespace piecemark::index
