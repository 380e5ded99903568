#include "drawings.h"

#include "engine/absence.h"
#include "engine/key.h"
#include "engine/record.h"

namespace piecemark::index {
namespace {

using engine::bytes_of;

constexpr unsigned kDrawingClassVersion = 0;

}  // namespace

Drawing Drawings::decode(engine::Bytes key, engine::Bytes record) const {
  Drawing drawing{.id = {}, .name = std::nullopt};
  if (key.size() != sizeof(Uuid)) engine::throw_corrupt_record({table_.name, key}, "a key that is no id");
  engine::decode_record({table_.name, key}, record, kDrawingClassVersion, drawing);
  drawing.id = engine::uuid_from(key);
  return drawing;
}

bool Drawings::contains(const engine::ReadTransaction& transaction, const Uuid& id) const {
  const auto record = engine::get_sealed(transaction, table_, bytes_of(id));
  if (record) engine::unseal({table_.name, bytes_of(id)}, *record);
  return record.has_value();
}

std::optional<Drawing> Drawings::get(const engine::ReadTransaction& transaction, const Uuid& id) const {
  const auto record = engine::get_sealed(transaction, table_, bytes_of(id));
  return record ? std::optional(decode(bytes_of(id), *record)) : std::nullopt;
}

std::uint64_t Drawings::count(const engine::ReadTransaction& transaction) const {
  return transaction.entries(table_);
}

void Drawings::for_each(const engine::ReadTransaction& transaction,
                        const std::function<void(const Drawing&)>& visit) const {
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) visit(decode(cursor.key(), cursor.value()));
}

bool Drawings::plan_insert(const engine::ReadTransaction& transaction, const Drawing& drawing,
                           engine::Batch& batch) const {
  if (contains(transaction, drawing.id)) return false;
  const engine::RecordPlace place{table_.name, bytes_of(drawing.id)};
  engine::encode_record(place, drawing, kDrawingClassVersion, batch.put(table_, place.key));
  return true;
}

void Drawings::plan_replace(const Uuid& id, const Drawing& drawing, engine::Batch& batch) const {
  if (drawing.id != id) batch.erase(table_, bytes_of(id));
  const engine::RecordPlace place{table_.name, bytes_of(drawing.id)};
  engine::encode_record(place, drawing, kDrawingClassVersion, batch.put(table_, place.key));
}

bool Drawings::plan_erase(const engine::ReadTransaction& transaction, const Uuid& id,
                          engine::Batch& batch) const {
  if (!contains(transaction, id)) return false;
  batch.erase(table_, bytes_of(id));
  return true;
}

void Drawings::copy_to(const Drawings& other, const engine::ReadTransaction& from,
                       engine::WriteTransaction& to) const {
  engine::TableWriter writer(to, other.table_);
  std::string record;
  for_each(from, [&](const Drawing& drawing) {
    engine::encode_record({other.table_.name, bytes_of(drawing.id)}, drawing, kDrawingClassVersion, record);
    if (!writer.append(bytes_of(drawing.id), record)) {
      engine::throw_corrupt_record({table_.name, bytes_of(drawing.id)}, "a key that is out of order");
    }
  });
}

void Drawings::verify(const engine::ReadTransaction& transaction,
                      const std::function<void(const Drawing&)>& visit,
                      const std::function<void(std::string)>& report) const {
  std::uint64_t rows = 0;
  std::string last;
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next(), ++rows) {
    const std::string where =
        "table '" + std::string(table_.name) + "', key " + engine::to_hex(cursor.key()) + ": ";
    if (rows > 0 && cursor.key() <= last) report(where + "out of order");
    last = cursor.key();
    try {
      visit(decode(cursor.key(), cursor.value()));
    } catch (const Error& error) {
      report(where + error.facts().found);
    }
  }
  if (rows != count(transaction)) {
    report("table '" + std::string(table_.name) + "': its counter says " +
           std::to_string(count(transaction)) + " rows, there are " + std::to_string(rows));
  }
}

}  // namespace piecemark::index
