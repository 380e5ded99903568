#include "clustered.h"

#include <utility>

#include "cursors.h"
#include "engine/record.h"
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

// What the key of a row does not have. The id is there even where the key ends in it, so that all records are alike.
template <class Row>
struct RestOfRow {
  Row& row;
};

template <class Archive, class Row>
void serialize(Archive& archive, RestOfRow<Row>& rest, const unsigned /*version*/) {
  archive& rest.row.id;
  archive& rest.row.component_type;
  archive& rest.row.quantity;
  archive& rest.row.material_type;
  archive& rest.row.location_x;
  archive& rest.row.location_y;
  archive& rest.row.bounding_box;
  archive& rest.row.confidence_score;
  archive& rest.row.review_status;
  archive& rest.row.created_at;
  archive& rest.row.updated_at;
}

}  // namespace

void ClusteredLayout::encode(Bytes key, const ComponentRow& row, std::string& record) const {
  engine::encode_record({rows_.name, key}, RestOfRow<const ComponentRow>{row}, kRecordVersion, record);
}

ComponentRow ClusteredLayout::decode(Bytes key, Bytes record) const {
  const engine::RecordPlace place{rows_.name, key};
  ComponentRow row;
  RestOfRow<ComponentRow> rest{row};
  engine::decode_record(place, record, kRecordVersion, rest);
  index::RowKey columns{.id = row.id};
  if (!keys_.read(key, columns) || columns.id != row.id) {
    engine::throw_corrupt_record(place, "a key that is none of the row");
  }
  row.drawing_id = columns.drawing;
  row.piece_mark = columns.piece_mark;
  row.instance_identifier = columns.instance;
  return row;
}

void ClusteredLayout::write_entry(const Uuid& id, Bytes key, std::string& to) const {
  to.assign(engine::kChecksumSize, '\0');
  to.append(key);
  engine::seal({ids_.name, bytes_of(id)}, to);
}

ComponentRow ClusteredLayout::row_behind(const ReadTransaction& transaction, Bytes id, Bytes entry) const {
  const engine::RecordPlace place{ids_.name, id};
  const Bytes key = engine::unseal(place, entry);
  const auto record = transaction.get(rows_, key);
  if (!record) engine::throw_corrupt_record(place, "an entry for a component that is not there");
  const ComponentRow row = decode(key, *record);
  if (bytes_of(row.id) != id) engine::throw_corrupt_record(place, "an entry for another component");
  return row;
}

std::optional<ComponentRow> ClusteredLayout::get(const ReadTransaction& transaction, const Uuid& id) const {
  const auto entry = transaction.get(ids_, bytes_of(id));
  return entry ? std::optional(row_behind(transaction, bytes_of(id), *entry)) : std::nullopt;
}

// By seek, not get: the row borrows from the key that is stored.
std::optional<ComponentRow> ClusteredLayout::find(const ReadTransaction& transaction,
                                                  const DrawingKey& drawing, std::string_view piece_mark,
                                                  const InstanceKey& instance) const {
  if (!CompositeKey::can_occur(piece_mark, instance)) return std::nullopt;
  const std::string columns = CompositeKey::columns_of(drawing, piece_mark, instance);
  const auto found = transaction.seek(rows_, columns);
  if (!found || !found->key.starts_with(columns)) return std::nullopt;
  return decode(found->key, found->value);
}

std::uint64_t ClusteredLayout::count(const ReadTransaction& transaction) const {
  return transaction.entries(ids_);
}

// Rows whose key begins with the prefix, as they lie.
class ClusteredLayout::Rows final : public RowCursor {
 public:
  Rows(const ClusteredLayout& layout, const ReadTransaction& transaction, std::string prefix)
      : layout_(layout), cursor_(transaction, layout.rows_), prefix_(std::move(prefix)) {}

  bool next(ComponentRow& row) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : start())) return false;
    if (!cursor_.key().starts_with(prefix_)) return false;
    row = layout_.decode(cursor_.key(), cursor_.value());
    return true;
  }

 private:
  bool start() { return prefix_.empty() ? cursor_.first() : cursor_.seek(prefix_); }

  const ClusteredLayout& layout_;
  Cursor cursor_;
  std::string prefix_;
  bool is_started_ = false;
};

// Rows in the order of their ids.
class ClusteredLayout::ById final : public RowCursor {
 public:
  ById(const ClusteredLayout& layout, const ReadTransaction& transaction)
      : layout_(layout), transaction_(transaction), cursor_(transaction, layout.ids_) {}

  bool next(ComponentRow& row) override {
    if (!(std::exchange(is_started_, true) ? cursor_.next() : cursor_.first())) return false;
    row = layout_.row_behind(transaction_, cursor_.key(), cursor_.value());
    return true;
  }

 private:
  const ClusteredLayout& layout_;
  const ReadTransaction& transaction_;
  Cursor cursor_;
  bool is_started_ = false;
};

std::unique_ptr<RowCursor> ClusteredLayout::all_by_id(const ReadTransaction& transaction,
                                                      const std::string& /*sorting_folder*/) const {
  return std::make_unique<ById>(*this, transaction);
}

std::unique_ptr<RowCursor> ClusteredLayout::all_by_key(const ReadTransaction& transaction) const {
  return std::make_unique<Rows>(*this, transaction, std::string());
}

std::unique_ptr<KeyCursor> ClusteredLayout::all_keys(const ReadTransaction& transaction) const {
  return std::make_unique<KeysOfRows>(all_by_key(transaction));
}

std::unique_ptr<RowCursor> ClusteredLayout::in_drawing(const ReadTransaction& transaction,
                                                       const DrawingKey& drawing, Order /*order*/) const {
  return std::make_unique<Rows>(*this, transaction, KeyWriter().nullable_uuid(drawing).take());
}

std::unique_ptr<RowCursor> ClusteredLayout::instances(const ReadTransaction& transaction,
                                                      const DrawingKey& drawing, std::string_view piece_mark,
                                                      Order /*order*/) const {
  if (!CompositeKey::can_occur(piece_mark, std::nullopt)) return std::make_unique<NoRows>();
  return std::make_unique<Rows>(*this, transaction,
                                KeyWriter().nullable_uuid(drawing).text(piece_mark).take());
}

std::unique_ptr<RowCursor> ClusteredLayout::with_key(const ReadTransaction& transaction,
                                                     const DrawingKey& drawing, std::string_view piece_mark,
                                                     const InstanceKey& instance) const {
  if (!CompositeKey::can_occur(piece_mark, instance)) return std::make_unique<NoRows>();
  return std::make_unique<Rows>(*this, transaction, CompositeKey::columns_of(drawing, piece_mark, instance));
}

void ClusteredLayout::clear(engine::WriteTransaction& transaction) const {
  transaction.clear(rows_);
  transaction.clear(ids_);
}

// Two rows with the same key cannot be: it is the key of the table.
void ClusteredLayout::verify(const ReadTransaction& transaction, const RowVisitor& visit,
                             const ProblemSink& report) const {
  const Verifier verifier(transaction, report);
  const auto verify_row = [&](Bytes key, Bytes record) {
    const ComponentRow row = decode(key, record);
    const auto entry = transaction.get(ids_, bytes_of(row.id));
    if (!entry || engine::try_unseal({ids_.name, bytes_of(row.id)}, *entry) != key) {
      verifier.report({rows_.name, key}, "its entry in '" + std::string(ids_.name) +
                                             "' is missing or leads elsewhere, component " +
                                             row.id.to_string());
    }
    visit(row);
  };
  const auto verify_entry = [&](Bytes id, Bytes entry) {
    const engine::RecordPlace place{ids_.name, id};
    const Bytes key = engine::unseal(place, entry);
    if (id.size() != sizeof(Uuid)) engine::throw_corrupt_record(place, "a key that is no id");
    // A row that leads elsewhere, or is damaged, was reported above.
    if (!transaction.get(rows_, key)) {
      engine::throw_corrupt_record(place, "an entry for a component that is not there");
    }
  };
  const std::uint64_t rows = verifier.verify(rows_, verify_row);
  verifier.expect_count(ids_, verifier.verify(ids_, verify_entry), rows, "entries are");
}

}  // namespace piecemark::bench
