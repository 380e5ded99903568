#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tally.h"
#include "workload.h"

namespace piecemark::bench {

// The table before and after instances were told apart: what upgrades and downgrades change.
enum class Schema : std::uint8_t {
  old,      // no instance_identifier; unique by drawing and mark
  current,  // unique by drawing, mark and instance
};

enum class Access : std::uint8_t { read_only, read_write };

// A store that takes part in the comparison. All of them enforce the same rules: lengths, NOT NULL, the CHECK
// on the confidence, valid JSON, the composite unique key, the foreign key. Every write is durable when the
// call returns. What a read finds is decoded field by field into a ComponentRow and added to the tally.
//
// Threads  One at a time.
// Errors   Whatever it throws fails the benchmark.
class Contender {
 public:
  virtual ~Contender() = default;

  // Stores all drawings and components, in the order in which they come, in one transaction.
  virtual void bulk_load(const Workload& workload) = 0;
  // Stores one component in a transaction of its own.
  virtual void insert(const Component& component) = 0;
  // Deletes these components in one transaction.
  virtual void erase(const std::vector<Component>& components) = 0;

  // Between the two, all reads share a snapshot; outside of them, each read has one of its own.
  virtual void begin_snapshot() = 0;
  virtual void end_snapshot() = 0;

  virtual Schema schema() const = 0;
  // From the old schema to the current one and back, each in one transaction, with all rules enforced after.
  virtual void upgrade() = 0;
  virtual void downgrade() = 0;
  // As downgrade(), for rows that the old schema cannot hold: they are set aside, and return with the
  // upgrade. Only called where ContenderInfo::sets_aside says so.
  virtual void downgrade_setting_aside() = 0;
  // Does what a migration has left to do later, outside the clock.
  virtual void settle() = 0;

  // The row with the query's drawing, mark and instance. In the old schema no row has an instance.
  virtual Tally find(const RowQuery& query) = 0;
  virtual Tally get(const Uuid& id) = 0;
  // The components of a drawing, in any order.
  virtual Tally read_drawing(const Uuid& id) = 0;
  // All components, in any order.
  virtual Tally scan() = 0;
};

struct ContenderInfo {
  std::string name;
  std::string version;
  // Makes an empty store in this file.
  std::function<std::unique_ptr<Contender>(const std::filesystem::path& file, Schema)> create;
  // Opens a store that was closed: all of it lies in the file then.
  std::function<std::unique_ptr<Contender>(const std::filesystem::path& file, Access)> open;
  bool sets_aside = false;  // whether downgrade_setting_aside() can be called
};

}  // namespace piecemark::bench
