#include "packed.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/key.h"
#include "packed_key.h"
#include "packed_rows.h"
#include "row_sorter.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::bytes_of;
using engine::Cursor;
using engine::ReadTransaction;
using engine::WriteTransaction;

// The key of the block after the one with this key is the first that is not less than this.
std::string just_after(Bytes key) {
  std::string after(key);
  after += '\0';
  return after;
}

// A drawing ends with a block that says so by its key.
void require_in_drawing(const PackedKey& drawing, Bytes next_key, const Block& block) {
  if (!drawing.has_drawing_of(next_key)) {
    engine::throw_corrupt_record(block.place(), "no further block of the drawing, and this is not its last");
  }
}

}  // namespace

ComponentRow PackedLayout::row_behind(const ReadTransaction& transaction, const IdEntry& entry) const {
  const PackedKey key(entry.drawing, entry.hash, entry.id);
  const auto found = transaction.seek(blocks_, key.bytes());
  if (found && key.has_drawing_of(found->key)) {
    const Block block = block_of(*found);
    for (std::size_t i = block.lower_bound(entry.hash); i < block.count() && block.hash(i) == entry.hash;
         ++i) {
      if (block.id(i) != bytes_of(entry.id)) continue;
      ComponentRow row;
      block.read(i, row);
      row.drawing_id = entry.drawing;
      return row;
    }
  }
  throw_leads_nowhere(entry.id);
}

void PackedLayout::throw_leads_nowhere(const Uuid& id) const {
  engine::throw_corrupt_record({ids_.table().name, bytes_of(id)},
                               "an entry for a component that is not there");
}

std::optional<ComponentRow> PackedLayout::get(const ReadTransaction& transaction, const Uuid& id) const {
  const auto entry = ids_.find(transaction, id);
  return entry ? std::optional(row_behind(transaction, *entry)) : std::nullopt;
}

std::optional<ComponentRow> PackedLayout::find(const ReadTransaction& transaction, const DrawingKey& drawing,
                                               std::string_view piece_mark,
                                               const InstanceKey& instance) const {
  const RowHash hash = hasher_.of(piece_mark, instance);
  const PackedKey key(drawing, hash);
  std::optional<ComponentRow> row;
  auto found = transaction.seek(blocks_, key.bytes());
  if (!found || !key.has_drawing_of(found->key)) {
    engine::check_entries_beside(transaction, blocks_, key.bytes(), check_seal<Block>);
    return std::nullopt;
  }
  for (bool is_first = true;; is_first = false) {
    const Block block = block_of(*found);
    std::size_t i = block.lower_bound(hash);
    if (is_first && i == 0) {
      engine::check_entry_before(transaction, blocks_, found->key, check_seal<Block>);
    }
    for (; i < block.count(); ++i) {
      if (block.hash(i) != hash) return std::nullopt;
      if (!row) row.emplace();
      block.read(i, *row);
      if (row->piece_mark != piece_mark || row->instance_identifier != instance) continue;
      row->drawing_id = drawing;
      return row;
    }
    if (is_last_of_drawing(block.place().key)) return std::nullopt;
    found = transaction.seek(blocks_, just_after(block.place().key));
    require_in_drawing(key, found ? found->key : Bytes(), block);
  }
}

std::uint64_t PackedLayout::count(const ReadTransaction& transaction) const {
  return ids_.count(transaction);
}

// Rows as they lie: all, those of a drawing, or those of a drawing whose mark, or mark and instance, are given.
class PackedLayout::Rows final : public RowCursor {
 public:
  Rows(const PackedLayout& layout, const ReadTransaction& transaction)
      : layout_(layout), transaction_(transaction), cursor_(transaction, layout.blocks_) {}
  Rows(const PackedLayout& layout, const ReadTransaction& transaction, const DrawingKey& drawing)
      : Rows(layout, transaction) {
    from_.emplace(drawing);
  }
  Rows(const PackedLayout& layout, const ReadTransaction& transaction, const DrawingKey& drawing,
       std::string_view piece_mark)
      : Rows(layout, transaction, drawing) {
    mark_ = piece_mark;
    first_ = layout.hasher_.of_mark(piece_mark);
    last_ = first_ | ~kMarkBits;
    from_.emplace(drawing, first_);
  }
  Rows(const PackedLayout& layout, const ReadTransaction& transaction, const DrawingKey& drawing,
       std::string_view piece_mark, const InstanceKey& instance)
      : Rows(layout, transaction, drawing, piece_mark) {
    has_instance_ = true;
    if (instance) instance_.emplace(*instance);
    first_ = last_ = first_ | layout.hasher_.of_instance(instance);
    from_.emplace(drawing, first_);
  }

  bool next(ComponentRow& row) override {
    for (;;) {
      while (block_ && at_ < block_->count()) {
        if (mark_ && block_->hash(at_) > last_) {
          at_ = block_->count();
          is_at_end_ = true;
          break;
        }
        block_->read(at_++, row);
        row.drawing_id = drawing_;
        if (is_wanted(row)) return true;
      }
      if (!enter_next_block()) return false;
    }
  }

  // The block of the row that next() gave last, and its place there.
  const Block& block() const { return *block_; }
  std::size_t place_in_block() const { return at_ - 1; }

 private:
  bool is_wanted(const ComponentRow& row) const {
    if (mark_ && row.piece_mark != *mark_) return false;
    return !has_instance_ || row.instance_identifier == instance_;
  }

  bool enter_next_block() {
    const bool is_first = !std::exchange(is_started_, true);
    if (is_at_end_ || !(is_first ? first_block() : next_block())) {
      is_at_end_ = true;
      return false;
    }
    block_.emplace(layout_.block_of({cursor_.key(), cursor_.value()}));
    drawing_ = drawing_of_block(block_->place());
    at_ = mark_ ? block_->lower_bound(first_) : 0;
    if (is_first && from_ && at_ == 0) {
      engine::check_entry_before(transaction_, layout_.blocks_, block_->place().key, check_seal<Block>);
    }
    return true;
  }
  bool first_block() {
    if (!from_) return cursor_.first();
    if (cursor_.seek(from_->bytes()) && from_->has_drawing_of(cursor_.key())) return true;
    engine::check_entries_beside(transaction_, layout_.blocks_, from_->bytes(), check_seal<Block>);
    return false;
  }
  bool next_block() {
    if (!from_) return cursor_.next();
    if (is_last_of_drawing(block_->place().key)) return false;
    const bool found = cursor_.next();
    require_in_drawing(*from_, found ? cursor_.key() : Bytes(), *block_);
    return true;
  }

  const PackedLayout& layout_;
  const ReadTransaction& transaction_;
  Cursor cursor_;
  std::optional<PackedKey> from_;  // of the first row wanted; all of its drawing, if there is one
  std::optional<std::string> mark_;
  bool has_instance_ = false;
  std::optional<std::string> instance_;
  RowHash first_ = 0;
  RowHash last_ = 0;

  bool is_started_ = false;
  bool is_at_end_ = false;
  std::optional<Block> block_;
  DrawingKey drawing_;
  std::size_t at_ = 0;
};

// Rows in the order of their ids. They are sorted: from one id to the next lies, more often than not, another block.
// The ids are gone through beside them, so that both tables are read and hold the same.
class PackedLayout::ById final : public RowCursor {
 public:
  ById(const PackedLayout& layout, const ReadTransaction& transaction, const std::string& sorting_folder)
      : layout_(layout), ids_(transaction, layout.ids_), rows_(sorting_folder) {
    Rows rows(layout, transaction);
    for (ComponentRow row; rows.next(row);) rows_.add(bytes_of(row.id), row);
    rows_.rewind();
  }

  bool next(ComponentRow& row) override {
    IdEntry entry;
    const bool has_entry = ids_.next(entry);
    const bool has_row = rows_.next(row);
    if (has_entry && (!has_row || entry.id < row.id)) layout_.throw_leads_nowhere(entry.id);
    if (has_row && (!has_entry || row.id < entry.id))
      IdBlocks::throw_missing(layout_.ids_.table(), {row.id, {}, 0});
    if (has_row && (entry.drawing != row.drawing_id || entry.hash != layout_.hash_of(row))) {
      layout_.throw_leads_nowhere(row.id);
    }
    return has_row;
  }

 private:
  const PackedLayout& layout_;
  PackedIds::Cursor ids_;
  RowSorter rows_;
};

// Rows in the order of their keys: sorts one drawing at a time.
class PackedLayout::Sorted final : public RowCursor {
 public:
  explicit Sorted(Rows rows) : rows_(std::move(rows)) { has_ahead_ = rows_.next(ahead_); }

  bool next(ComponentRow& row) override {
    if (next_ == sorted_.size() && !sort_drawing()) return false;
    const Place& place = sorted_[next_++];
    blocks_[place.block].read(place.row, row);
    row.drawing_id = drawing_;
    return true;
  }

 private:
  // Texts point into the blocks.
  struct Place {
    std::uint32_t block;
    std::uint32_t row;
    std::string_view mark;
    std::optional<std::string_view> instance;
  };

  bool sort_drawing() {
    sorted_.clear();
    blocks_.clear();
    next_ = 0;
    if (!has_ahead_) return false;
    drawing_ = ahead_.drawing_id;
    while (has_ahead_ && ahead_.drawing_id == drawing_) {
      if (blocks_.empty() || blocks_.back().place().key != rows_.block().place().key) {
        blocks_.push_back(rows_.block());
      }
      sorted_.push_back({static_cast<std::uint32_t>(blocks_.size() - 1),
                         static_cast<std::uint32_t>(rows_.place_in_block()), ahead_.piece_mark,
                         ahead_.instance_identifier});
      has_ahead_ = rows_.next(ahead_);
    }
    std::sort(sorted_.begin(), sorted_.end(),
              [this](const Place& a, const Place& b) { return is_before(a, b); });
    return true;
  }

  bool is_before(const Place& a, const Place& b) const {
    if (const int order = a.mark.compare(b.mark); order != 0) return order < 0;
    if (a.instance && b.instance) {
      if (const int order = a.instance->compare(*b.instance); order != 0) return order < 0;
    } else if (a.instance || b.instance) {
      return a.instance.has_value();
    }
    return blocks_[a.block].id(a.row) < blocks_[b.block].id(b.row);
  }

  Rows rows_;
  ComponentRow ahead_;  // the first row that is not sorted yet
  bool has_ahead_ = false;
  DrawingKey drawing_;
  std::vector<Block> blocks_;
  std::vector<Place> sorted_;
  std::size_t next_ = 0;
};

class PackedLayout::Keys final : public KeyCursor {
 public:
  explicit Keys(std::unique_ptr<RowCursor> rows) : rows_(std::move(rows)) {}

  bool next(RowKey& key) override {
    if (!rows_->next(row_)) return false;
    key = {row_.drawing_id, row_.piece_mark, row_.instance_identifier, row_.id};
    return true;
  }

 private:
  std::unique_ptr<RowCursor> rows_;
  ComponentRow row_;
};

std::unique_ptr<RowCursor> PackedLayout::scan(const ReadTransaction& transaction) const {
  return std::make_unique<Rows>(*this, transaction);
}

std::unique_ptr<RowCursor> PackedLayout::all_by_id(const ReadTransaction& transaction,
                                                   const std::string& sorting_folder) const {
  return std::make_unique<ById>(*this, transaction, sorting_folder);
}

std::unique_ptr<RowCursor> PackedLayout::all_by_key(const ReadTransaction& transaction) const {
  return std::make_unique<Sorted>(Rows(*this, transaction));
}

std::unique_ptr<KeyCursor> PackedLayout::all_keys(const ReadTransaction& transaction) const {
  return std::make_unique<Keys>(all_by_key(transaction));
}

std::unique_ptr<RowCursor> PackedLayout::in_drawing(const ReadTransaction& transaction,
                                                    const DrawingKey& drawing, Order order) const {
  if (order == Order::by_key) return std::make_unique<Sorted>(Rows(*this, transaction, drawing));
  return std::make_unique<Rows>(*this, transaction, drawing);
}

std::unique_ptr<RowCursor> PackedLayout::instances(const ReadTransaction& transaction,
                                                   const DrawingKey& drawing, std::string_view piece_mark,
                                                   Order order) const {
  if (order == Order::by_key) return std::make_unique<Sorted>(Rows(*this, transaction, drawing, piece_mark));
  return std::make_unique<Rows>(*this, transaction, drawing, piece_mark);
}

std::unique_ptr<RowCursor> PackedLayout::with_key(const ReadTransaction& transaction,
                                                  const DrawingKey& drawing, std::string_view piece_mark,
                                                  const InstanceKey& instance) const {
  return std::make_unique<Rows>(*this, transaction, drawing, piece_mark, instance);
}

void PackedLayout::clear(WriteTransaction& transaction) const {
  transaction.clear(blocks_);
  transaction.clear(ids_.table());
}

// Goes through blocks and rows in their order, and then through the ids.
class PackedLayout::Verifier {
 public:
  Verifier(const PackedLayout& layout, const ReadTransaction& transaction, const RowVisitor& visit,
           const ProblemSink& report)
      : layout_(layout), transaction_(transaction), visit_(visit), report_(report) {}

  void run() {
    Cursor cursor(transaction_, layout_.blocks_);
    for (bool found = cursor.first(); found; found = cursor.next()) {
      const engine::RecordPlace place{layout_.blocks_.name, cursor.key()};
      guarded(place, [&] { verify_block({place, cursor.value()}); });
      if (has_last_block_ && place.key <= last_block_) report(place, "out of order");
      last_block_ = place.key;
      has_last_block_ = true;
    }
    expect_last_block_before({});
    verify_ids();
  }

 private:
  void report(const engine::RecordPlace& place, const std::string& problem) {
    report_("table '" + std::string(place.table) + "', key " + engine::to_hex(place.key) + ": " + problem);
  }
  template <class Part>
  void guarded(const engine::RecordPlace& place, const Part& part) {
    try {
      part();
    } catch (const Error& error) {
      report(place, error.facts().found);
    }
  }

  // The last block of a drawing has a key of its own kind.
  void expect_last_block_before(Bytes key) {
    if (!has_last_block_) return;
    Bytes rest = last_block_;
    DrawingKey drawing;
    if (!PackedKey::read_drawing(rest, drawing)) return;
    const bool is_last = !PackedKey(drawing).has_drawing_of(key);
    if (is_last != rest.starts_with(PackedKey::kLastBlock)) {
      report({layout_.blocks_.name, last_block_}, is_last
                                                      ? "the last block of its drawing, but not by its key"
                                                      : "not the last block of its drawing");
    }
  }

  void verify_block(const Block& block) {
    expect_last_block_before(block.place().key);
    const DrawingKey drawing = drawing_of_block(block.place());
    if (!has_last_block_ || !PackedKey(drawing).has_drawing_of(last_block_)) same_hash_.clear();
    for (std::size_t i = 0; i < block.count(); ++i) {
      ++rows_;
      guarded(block.place(), [&] {
        ComponentRow row;
        block.read(i, row);
        row.drawing_id = drawing;
        verify_row(block, block.hash(i), row);
        visit_(row);
      });
    }
  }

  void verify_row(const Block& block, RowHash hash, const ComponentRow& row) {
    const auto complain = [&](const std::string& problem) {
      report_("component " + row.id.to_string() + ": " + problem);
    };
    if (hash != layout_.hash_of(row)) complain("it lies under the hash of another mark and instance");
    const PackedKey key(row.drawing_id, hash, row.id);
    if (key.bytes() > block.place().key || (has_last_row_ && key.bytes() <= last_row_) ||
        (has_last_block_ && key.bytes() <= last_block_)) {
      complain("out of order");
    }
    if (!has_entry({row.id, row.drawing_id, hash})) {
      complain("its entry in '" + std::string(layout_.ids_.table().name) + "' is missing or leads elsewhere");
    }
    expect_unique(hash, row);
    last_row_ = key.bytes();
    has_last_row_ = true;
  }

  // Rows of the same key have the same hash, and lie beside each other.
  void expect_unique(RowHash hash, const ComponentRow& row) {
    if (!layout_.is_constrained(row.drawing_id, row.instance_identifier)) return;
    if (hash != hash_at_hand_) same_hash_.clear();
    hash_at_hand_ = hash;
    std::string key(row.piece_mark);
    key += '\0';
    if (row.instance_identifier) key.append(1, '\1').append(*row.instance_identifier);
    if (std::find(same_hash_.begin(), same_hash_.end(), key) != same_hash_.end()) {
      report_("component " + row.id.to_string() + ": another one has its drawing, mark and instance");
    }
    same_hash_.push_back(std::move(key));
  }

  // A damaged block is reported with the ids.
  bool has_entry(const IdEntry& entry) {
    try {
      return layout_.ids_.find(transaction_, entry.id) == entry;
    } catch (const Error&) {
      return false;
    }
  }

  // Each row was held against its entry. As many entries as rows means that none is left over.
  void verify_ids() {
    const std::string_view table = layout_.ids_.table().name;
    std::uint64_t count = 0;
    std::vector<IdEntry> entries;
    std::string last_key;
    Cursor cursor(transaction_, layout_.ids_.table());
    for (bool found = cursor.first(); found; found = cursor.next()) {
      const engine::RecordPlace place{table, cursor.key()};
      guarded(place, [&] {
        IdBlocks::read(place, cursor.value(), entries);
        count += entries.size();
        if (bytes_of(entries.back().id) > place.key ||
            (!last_key.empty() && bytes_of(entries.front().id) <= last_key)) {
          report(place, "ids in the wrong block");
        }
      });
      last_key = cursor.key();
    }
    if (!last_key.empty() && last_key != IdBlocks::scope().last_key) {
      report({table, last_key}, "the last block of all, but not by its key");
    }
    if (count == rows_) return;
    report_("table '" + std::string(table) + "': " + std::to_string(count) + " entries for " +
            std::to_string(rows_) + " components");
    report_left_over_ids();
  }

  void report_left_over_ids() {
    const std::string_view table = layout_.ids_.table().name;
    std::vector<IdEntry> entries;
    Cursor cursor(transaction_, layout_.ids_.table());
    for (bool found = cursor.first(); found; found = cursor.next()) {
      try {
        IdBlocks::read({table, cursor.key()}, cursor.value(), entries);
      } catch (const Error&) {
        continue;  // Was reported.
      }
      for (const IdEntry& entry : entries) {
        try {
          layout_.row_behind(transaction_, entry);
        } catch (const Error& error) {
          // What is wrong with the block or the row was said above.
          if (error.facts().attempted.find(table) != std::string::npos) {
            report({table, bytes_of(entry.id)}, error.facts().found);
          }
        }
      }
    }
  }

  const PackedLayout& layout_;
  const ReadTransaction& transaction_;
  const RowVisitor& visit_;
  const ProblemSink& report_;
  std::string last_block_;
  bool has_last_block_ = false;
  std::string last_row_;
  bool has_last_row_ = false;
  std::uint64_t rows_ = 0;
  RowHash hash_at_hand_ = 0;
  std::vector<std::string> same_hash_;
};

void PackedLayout::verify(const ReadTransaction& transaction, const RowVisitor& visit,
                          const ProblemSink& report) const {
  Verifier(*this, transaction, visit, report).run();
}

}  // namespace piecemark::index
