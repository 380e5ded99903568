#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "contender.h"

namespace piecemark::bench {

enum class Table : std::uint8_t {
  drawings,    // id -> name
  components,  // id -> row
  keys,        // drawing, mark, instance -> id
};
inline constexpr std::size_t kTables = 3;

// What a store of keys and values must offer so that KeyValueContender can make a table of it.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  // The value, which lies in the store until the next call.
  virtual std::optional<std::string_view> get(Table table, std::string_view key) = 0;
  // Calls visit(number of the key, value) for every key that there is, in any order.
  using VisitValue = std::function<void(std::size_t number, std::string_view value)>;
  virtual void get_all(Table table, std::span<const std::string_view> keys, const VisitValue& visit) = 0;
  // Calls visit(key, value) for every key that begins with the prefix, in their order.
  using VisitEntry = std::function<void(std::string_view key, std::string_view value)>;
  virtual void for_each(Table table, std::string_view prefix, const VisitEntry& visit) = 0;

  // Writes wait, unseen, for the commit.
  virtual void put(Table table, std::string_view key, std::string_view value) = 0;
  virtual void erase(Table table, std::string_view key) = 0;
  // All or nothing, durable when it returns.
  virtual void commit() = 0;
  // The same for the first rows of an empty store, where there is a faster way for many.
  virtual void commit_first_load() { commit(); }
  virtual void settle() = 0;

  virtual void begin_snapshot() = 0;
  virtual void end_snapshot() = 0;
};

// Drawings and components in a store of keys and values, which knows no rules: they are enforced here, by
// look-ups in the store and in what the transaction has added so far. There are no schemas and no migrations.
class KeyValueContender final : public Contender {
 public:
  explicit KeyValueContender(std::unique_ptr<KeyValueStore> store) : store_(std::move(store)) {}

  void bulk_load(const Rows& rows) override;
  void insert(const Rows& rows) override;
  void update(ComponentRefs components) override;
  void erase(ComponentRefs components) override;
  void erase_drawing(const Uuid& id) override;
  void settle() override { store_->settle(); }

  void begin_snapshot() override { store_->begin_snapshot(); }
  void end_snapshot() override { store_->end_snapshot(); }

  Tally find(const RowQuery& query) override;
  Tally get(const Uuid& id) override;
  Tally instances(const MarkQuery& query) override;
  Tally read_drawing(const Uuid& id) override;
  Tally scan() override;

 private:
  void add(const Rows& rows);
  void add(const Drawing& drawing);
  void add(const Component& component);
  void remove(const Uuid& id);
  // Puts the key, which nobody else may have.
  void put_new(Table table, std::string_view key, std::string_view value);
  bool has(Table table, std::string_view key);
  // The components whose keys begin with the prefix.
  Tally read_by_key(std::string_view prefix);

  std::unique_ptr<KeyValueStore> store_;
  std::array<std::unordered_set<std::string>, kTables> added_;  // by the transaction that is under way
  std::string bytes_;
  std::vector<Uuid> ids_;
  std::vector<std::string_view> id_refs_;
};

}  // namespace piecemark::bench
