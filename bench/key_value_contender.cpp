#include "key_value_contender.h"

#include <stdexcept>

#include "flat_row.h"

namespace piecemark::bench {

void KeyValueContender::bulk_load(const Rows& rows) {
  for (auto& keys : added_) keys.reserve(rows.components.size());
  add(rows);
  store_->commit_first_load();
  added_ = {};  // Their room is too much for the transactions to come.
}

void KeyValueContender::insert(const Rows& rows) {
  add(rows);
  store_->commit();
}

void KeyValueContender::update(ComponentRefs components) {
  for (const Component* component : components) {
    const std::optional<std::string_view> stored = store_->get(Table::components, key_of(component->id));
    if (!stored) throw std::runtime_error("there is no such component");
    ComponentRow row = decode(component->id, *stored);
    row.review_status = component->review_status;
    row.confidence_score = component->confidence_score;
    row.updated_at = component->updated_at;
    check_rules(row);
    encode(row, bytes_);
    store_->put(Table::components, key_of(component->id), bytes_);
  }
  store_->commit();
}

void KeyValueContender::erase(ComponentRefs components) {
  for (const Component* component : components) remove(component->id);
  store_->commit();
}

void KeyValueContender::erase_drawing(const Uuid& id) {
  const auto remove_entry = [&](std::string_view key, std::string_view component_id) {
    store_->erase(Table::components, component_id);
    store_->erase(Table::keys, key);
  };
  store_->for_each(Table::keys, drawing_prefix(id), remove_entry);
  store_->erase(Table::drawings, key_of(id));
  store_->commit();
}

void KeyValueContender::add(const Rows& rows) {
  for (const Drawing& drawing : rows.drawings) add(drawing);
  for (const Component* component : rows.components) add(*component);
  for (auto& keys : added_) keys.clear();
}

void KeyValueContender::add(const Drawing& drawing) {
  put_new(Table::drawings, key_of(drawing.id), drawing.name.value_or(""));
}

void KeyValueContender::add(const Component& component) {
  const ComponentRow row = row_of(component);
  check_rules(row);
  if (row.drawing_id && !has(Table::drawings, key_of(*row.drawing_id))) {
    throw std::runtime_error("there is no such drawing");
  }
  encode(row, bytes_);
  put_new(Table::components, key_of(row.id), bytes_);
  const UniqueKey key = unique_key(row);
  if (key.has_null) {
    store_->put(Table::keys, key.bytes, key_of(row.id));
  } else {
    put_new(Table::keys, key.bytes, key_of(row.id));
  }
}

void KeyValueContender::remove(const Uuid& id) {
  const std::optional<std::string_view> stored = store_->get(Table::components, key_of(id));
  if (!stored) return;
  store_->erase(Table::keys, unique_key(decode(id, *stored)).bytes);
  store_->erase(Table::components, key_of(id));
}

void KeyValueContender::put_new(Table table, std::string_view key, std::string_view value) {
  if (!added_[static_cast<std::size_t>(table)].emplace(key).second || store_->get(table, key)) {
    throw std::runtime_error("the key exists already");
  }
  store_->put(table, key, value);
}

bool KeyValueContender::has(Table table, std::string_view key) {
  return added_[static_cast<std::size_t>(table)].contains(std::string(key)) || store_->get(table, key);
}

Tally KeyValueContender::find(const RowQuery& query) {
  if (!query.instance_identifier) {
    return read_by_key(no_instance_prefix(query.drawing_id, query.piece_mark));
  }
  ComponentRow row;
  row.drawing_id = query.drawing_id;
  row.piece_mark = query.piece_mark;
  row.instance_identifier = query.instance_identifier;
  const std::optional<std::string_view> id = store_->get(Table::keys, unique_key(row).bytes);
  return id ? get(id_of(*id)) : Tally{};
}

Tally KeyValueContender::get(const Uuid& id) {
  Tally tally;
  const std::optional<std::string_view> stored = store_->get(Table::components, key_of(id));
  if (stored) tally.add(decode(id, *stored));
  return tally;
}

Tally KeyValueContender::instances(const MarkQuery& query) {
  return read_by_key(mark_prefix(query.drawing_id, query.piece_mark));
}

Tally KeyValueContender::read_drawing(const Uuid& id) {
  return read_by_key(drawing_prefix(id));
}

Tally KeyValueContender::scan() {
  Tally tally;
  store_->for_each(Table::components, "", [&](std::string_view key, std::string_view value) {
    tally.add(decode(id_of(key), value));
  });
  return tally;
}

Tally KeyValueContender::read_by_key(std::string_view prefix) {
  ids_.clear();
  store_->for_each(Table::keys, prefix,
                   [&](std::string_view, std::string_view id) { ids_.push_back(id_of(id)); });
  id_refs_.clear();
  for (const Uuid& id : ids_) id_refs_.push_back(key_of(id));
  Tally tally;
  store_->get_all(Table::components, id_refs_, [&](std::size_t number, std::string_view value) {
    tally.add(decode(ids_[number], value));
  });
  return tally;
}

}  // namespace piecemark::bench
