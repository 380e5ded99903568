// Changes to the packed layout within one write transaction.
//
// Rows to insert are buffered in memory until they are many, or something else is to be read or changed. Then they go in
// together, in the order of their keys: a block is taken apart and put together again once for all rows that it gets.
// Where rows come to an empty layout in random order, every block would get some each time: those rows are sorted
// (packed_buffer.h), and written to blocks once.
#pragma once

#include <optional>
#include <variant>

#include "packed.h"
#include "packed_buffer.h"
#include "packed_tables.h"

namespace piecemark::index {

class PackedWriter final : public LayoutWriter {
 public:
  PackedWriter(const PackedLayout& layout, engine::WriteTransaction& transaction)
      : LayoutWriter(transaction),
        layout_(layout),
        transaction_(transaction),
        tables_(transaction, layout.blocks_, layout.ids_.table()) {}

  std::optional<Conflict> plan_insert(const ComponentRow& row, engine::Batch& batch) override;
  std::optional<Conflict> plan_replace(const ComponentRow& before, const ComponentRow& after,
                                       engine::Batch& batch) override;
  void plan_erase(const ComponentRow& row, engine::Batch& batch) override;
  std::uint64_t plan_erase_drawing(const Uuid& drawing, engine::Batch& batch) override;
  void flush() override;

 private:
  void plan_move(const HashedRow& before, const HashedRow& after, engine::Batch& batch);

  std::optional<Conflict> conflict_of_id(const Uuid& id);
  std::optional<Conflict> conflict_of_key(RowHash hash, const ComponentRow& row);
  bool is_stored(const DrawingKey& drawing);
  void note(const HashedRow& row);

  // What becomes of buffered rows.
  bool is_buffer_full(const DrawingKey& next_drawing) const;
  void empty_full_buffer();
  void begin_load();
  void write_buffer();
  void sort_buffer(Sorting& sorting);
  void write_sorted();

  const PackedLayout& layout_;
  engine::WriteTransaction& transaction_;
  PackedTables tables_;
  PackedBuffer buffer_;
  std::variant<Merging, KnownRows, Sorting> mode_;

  // No row that is buffered or stored has a greater one. Known before the first row is buffered.
  struct GreatestId {
    std::optional<Uuid> id;
  };
  std::optional<GreatestId> greatest_id_;
  // Whether a drawing has rows that are not buffered.
  struct Lookup {
    DrawingKey drawing;
    bool is_stored;
  };
  std::optional<Lookup> last_lookup_;
};

}  // namespace piecemark::index
