#include "ordered.h"

#include <utility>
#include <vector>

#include "engine/absence.h"
#include "engine/record.h"
#include "engine/shown.h"

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
  std::string text = "drawing " + (drawing ? drawing->to_string() : "NULL") + ", mark " + engine::shown(mark);
  std::optional<std::string_view> instance;
  if (reader.nullable_text(instance))
    text += instance ? ", instance " + engine::shown(*instance) : ", instance NULL";
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
  const auto record = engine::get_sealed(transaction, rows_, bytes_of(id));
  return record ? std::optional(decode(id, *record)) : std::nullopt;
}

std::optional<ComponentRow> OrderedLayout::find(const ReadTransaction& transaction, const DrawingKey& drawing,
                                                std::string_view piece_mark,
                                                const InstanceKey& instance) const {
  if (!can_occur(piece_mark, instance)) return std::nullopt;
  const std::string key = key_columns(drawing, piece_mark, instance);
  if (is_constrained(drawing, instance)) {
    const auto entry = engine::get_sealed(transaction, unique_, key);
    return entry ? std::optional(row_behind(transaction, key, *entry)) : std::nullopt;
  }
  engine::check_entry_before(transaction, unique_, key, engine::unseal);
  const auto found = transaction.seek(unique_, key);
  if (!found) return std::nullopt;
  if (found->key.starts_with(key)) return row_behind(transaction, found->key, found->value);
  engine::unseal({unique_.name, found->key}, found->value);
  return std::nullopt;
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
    if (!cursor_.key().starts_with(prefix_)) {
      engine::unseal({layout_.unique_.name, cursor_.key()},
                     cursor_.value());  // Its key may have been another.
      return false;
    }
    row = layout_.row_behind(transaction_, cursor_.key(), cursor_.value());
    return true;
  }

 private:
  bool start() {
    if (prefix_.empty()) return cursor_.first();
    engine::check_entry_before(transaction_, layout_.unique_, prefix_, engine::unseal);
    return cursor_.seek(prefix_);
  }

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

std::unique_ptr<RowCursor> OrderedLayout::all_by_id(const ReadTransaction& transaction,
                                                    const std::string& /*sorting_folder*/) const {
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

// Goes through the rows, and then through the entries that lead to them.
class OrderedLayout::Verifier {
 public:
  Verifier(const OrderedLayout& layout, const ReadTransaction& transaction, const RowVisitor& visit,
           const ProblemSink& report)
      : layout_(layout), transaction_(transaction), visit_(visit), report_(report) {}

  void run() {
    const std::uint64_t rows = walk(layout_.rows_, [&](Bytes key, Bytes record) { verify_row(key, record); });
    const std::uint64_t rows_counted = transaction_.entries(layout_.rows_);
    if (rows != rows_counted) {
      report_("table '" + std::string(layout_.rows_.name) + "': its counter says " +
              std::to_string(rows_counted) + " rows, there are " + std::to_string(rows));
    }
    const std::uint64_t entries =
        walk(layout_.unique_, [&](Bytes key, Bytes entry) { verify_entry(key, entry); });
    const std::uint64_t entries_counted = transaction_.entries(layout_.unique_);
    if (entries != entries_counted || entries != rows) {
      report_("table '" + std::string(layout_.unique_.name) + "': " + std::to_string(entries) +
              " entries, its counter says " + std::to_string(entries_counted) + ", for " +
              std::to_string(rows) + " components");
    }
  }

 private:
  void report(const engine::Table& table, Bytes key, const std::string& problem) {
    report_("table '" + std::string(table.name) + "', " + describe(key) + ": " + problem);
  }

  // Visits all of the table, in ascending order of the keys, and says how much there is.
  template <class Visit>
  std::uint64_t walk(const engine::Table& table, const Visit& visit) {
    std::uint64_t count = 0;
    std::string last;
    Cursor cursor(transaction_, table);
    for (bool found = cursor.first(); found; found = cursor.next(), ++count) {
      if (count > 0 && cursor.key() <= last) report(table, cursor.key(), "out of order");
      last = cursor.key();
      visit(cursor.key(), cursor.value());
    }
    return count;
  }

  void verify_row(Bytes id, Bytes record) {
    const auto row = sound_row(id, record);
    if (!row) return;
    const std::string key = layout_.key_of(*row);
    const auto entry = transaction_.get(layout_.unique_, key);
    const auto payload = entry ? engine::try_unseal({layout_.unique_.name, key}, *entry) : std::nullopt;
    if (!payload || *payload != bytes_of(row->id)) {
      report_("component " + row->id.to_string() + ": its entry in '" + std::string(layout_.unique_.name) +
              "' is missing or leads elsewhere");
    }
    visit_(*row);
  }

  std::optional<ComponentRow> sound_row(Bytes id, Bytes record) {
    if (id.size() != sizeof(Uuid)) {
      report(layout_.rows_, id, "the key is no id");
      return std::nullopt;
    }
    try {
      return layout_.decode(uuid_from(id), record);
    } catch (const Error& error) {
      report(layout_.rows_, id, error.facts().found);
      return std::nullopt;
    }
  }

  void verify_entry(Bytes key, Bytes entry) {
    const auto id = engine::try_unseal({layout_.unique_.name, key}, entry);
    if (!id || id->size() != sizeof(Uuid)) {
      report(layout_.unique_, key, "an entry that fails its checksum");
      return;
    }
    const std::string component = "an entry for component " + uuid_from(*id).to_string();
    const auto record = transaction_.get(layout_.rows_, *id);
    if (!record) {
      report(layout_.unique_, key, component + ", which is not there");
      return;
    }
    // A record that fails its checksum was reported above.
    const bool is_sound = engine::try_unseal({layout_.rows_.name, *id}, *record).has_value();
    if (is_sound && layout_.key_of(layout_.decode(uuid_from(*id), *record)) != key) {
      report(layout_.unique_, key, component + ", whose key is another");
    }
  }

  const OrderedLayout& layout_;
  const ReadTransaction& transaction_;
  const RowVisitor& visit_;
  const ProblemSink& report_;
};

void OrderedLayout::verify(const ReadTransaction& transaction, const RowVisitor& visit,
                           const ProblemSink& report) const {
  Verifier(*this, transaction, visit, report).run();
}

}  // namespace piecemark::index
