#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/component_range.h"
#include "piecemark/drawing.h"
#include "piecemark/export.h"

namespace piecemark {

struct ReadTxnState;

// A consistent, read-only snapshot of the store at the moment it was begun.
//
// A drawing_id of std::nullopt stands for the components without a drawing, an instance_identifier of
// std::nullopt for those without one.
//
// Lifetime  Views point into the memory map and end with the transaction; copy with to_component() what must live
//           longer. A snapshot that is a temporary gives no views: that does not compile. It keeps its store open.
// Threads   One thread at a time; it may move between threads. Any number of snapshots may be open.
// Errors    Every call can report corrupt_record: stored bytes that fail their checksum; and every call on a snapshot that
//           was moved from reports invalid_use.
// Cost      About 100 ns to begin. Pins old pages: a forgotten ReadTxn makes the file grow.
class PIECEMARK_API ReadTxn {
 public:
  ReadTxn(ReadTxn&&) noexcept;
  ReadTxn& operator=(ReadTxn&&) noexcept;
  ~ReadTxn();

  // The component with this id.
  std::optional<ComponentView> get(const Uuid& id) const&;
  std::optional<ComponentView> get(const Uuid& id) const&& = delete;

  // The component with this key. Where NULLs let several have it, the one with the smallest id.
  std::optional<ComponentView> find(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                    std::optional<std::string_view> instance_identifier) const&;
  std::optional<ComponentView> find(const std::optional<Uuid>&, std::string_view,
                                    std::optional<std::string_view>) const&& = delete;

  // All components with this key: more than one only where NULLs allow it.
  ComponentRange with_key(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                          std::optional<std::string_view> instance_identifier) const&;
  ComponentRange with_key(const std::optional<Uuid>&, std::string_view,
                          std::optional<std::string_view>) const&& = delete;

  // All instances of a mark, in any order.
  ComponentRange instances(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const&;
  ComponentRange instances(const std::optional<Uuid>&, std::string_view) const&& = delete;

  // The components of a drawing, in any order.
  ComponentRange in_drawing(const std::optional<Uuid>& drawing_id) const&;
  ComponentRange in_drawing(const std::optional<Uuid>&) const&& = delete;

  // Everything, in any order: the fastest way to read all of it.
  ComponentRange scan() const&;
  ComponentRange scan() const&& = delete;

  // Everything, a drawing, or the instances of a mark, in the order drawing_id, piece_mark, instance_identifier, id;
  // NULL last.
  // Cost  one drawing at a time is sorted in memory: some 100 bytes a row, or none in a file of format 1 or 2
  ComponentRange sorted() const&;
  ComponentRange sorted() const&& = delete;
  ComponentRange sorted(const std::optional<Uuid>& drawing_id) const&;
  ComponentRange sorted(const std::optional<Uuid>&) const&& = delete;
  ComponentRange sorted(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const&;
  ComponentRange sorted(const std::optional<Uuid>&, std::string_view) const&& = delete;

  std::optional<Drawing> drawing(const Uuid& id) const;
  // In the order of their ids.
  std::vector<Drawing> drawings() const;

  std::uint64_t component_count() const;
  std::uint64_t drawing_count() const;

  // The smallest positive number that no instance of the mark on this drawing has, as text: "6" after "1" to "5".
  // Cost  a visit to every instance of the mark
  std::string next_instance_identifier(const std::optional<Uuid>& drawing_id,
                                       std::string_view piece_mark) const;

  // The format of the file in this snapshot.
  std::uint32_t format() const;

 private:
  friend class Store;
  friend const ReadTxnState& state_of(const ReadTxn& transaction);
  explicit ReadTxn(std::unique_ptr<ReadTxnState> state);
  const ReadTxnState& state() const;
  std::unique_ptr<ReadTxnState> state_;
};

}  // namespace piecemark
