// Rows that a transaction of the packed layout has taken and not written yet, and what is known of those it has written.
//
// Invariant  A row in the buffer, or in the sorters of a load, has passed all checks; no other row there, or in the tables,
//            has its id or its key.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/sorter.h"
#include "packed_key.h"
#include "row_buffer.h"
#include "row_sorter.h"

namespace piecemark::index {

// Buffered rows, found by id and by key.
class PackedBuffer {
 public:
  // Where this throws, the buffer is as before.
  void add(RowHash hash, const ComponentRow& row, bool must_be_unique);
  void clear();

  const RowBuffer& rows() const { return rows_; }
  bool is_empty() const { return rows_.rows().empty(); }
  bool has_id(const Uuid& id);
  // The id of the row that has the key of this one, of those that must be unique.
  std::optional<Uuid> holder_of_key(RowHash hash, const ComponentRow& row) const;

 private:
  RowBuffer rows_;
  RowIndex by_id_;  // of the first `indexed_by_id_` rows
  std::size_t indexed_by_id_ = 0;
  RowIndex by_key_;  // of the rows that must be unique
};

// How a writer finds out what the tables have, and where it puts the rows of a full buffer. One of the following.

// Rows are merged into the tables; a look into the tables tells what they have.
struct Merging {};

// The same, in a layout that was empty when the buffer was full for the first time: what is not among these rows is not
// stored. It serves loads in random order, where a look into the tables for each row would cost more than all else.
class KnownRows {
 public:
  void add(const RowBuffer& buffer);
  void add(const HashedRow& row);

  bool may_have_id(const Uuid& id) const;
  bool may_have_key(const DrawingKey& drawing, RowHash hash) const;
  // Whether the hashes take more memory than they are worth.
  bool are_too_many() const { return ids_.count() > SeenHashes::kMost; }

 private:
  SeenHashes ids_;
  SeenHashes keys_;
};

// The same, but rows go to sorters: they are in no block yet, and in the end each block is written once.
struct Sorting {
  struct Sorters {
    explicit Sorters(const std::string& folder) : rows(folder), ids(folder) {}

    void add(const RowBuffer& buffer);

    RowSorter rows;
    engine::Sorter ids;  // id, drawing and hash
  };

  explicit Sorting(const std::string& folder) : sorters(std::make_unique<Sorters>(folder)) {}

  KnownRows known;
  std::unique_ptr<Sorters> sorters;
};

}  // namespace piecemark::index
