#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "tally.h"
#include "workload.h"

namespace piecemark::bench {

// What a store can look like. Upgrades and downgrades lead from one to another.
enum class Schema : std::uint8_t {
  old,      // no instance_identifier; unique by drawing and mark
  current,  // unique by drawing, mark and instance
  newest,   // as current, in a newer layout: only where ContenderInfo::has_newer_layout says so
};

enum class Access : std::uint8_t { read_only, read_write };

// A store that takes part in the comparison. All of them enforce the same rules: lengths, NOT NULL, the CHECK
// on the confidence, valid JSON, the composite unique key, the foreign key. Every write is one transaction,
// durable when the call returns. What a read finds is decoded field by field into a ComponentRow and added to
// the tally.
//
// Threads  One at a time.
// Errors   Whatever it throws fails the benchmark.
class Contender {
 public:
  virtual ~Contender() = default;

  // Fills an empty store with drawings and components, in the order in which they come.
  virtual void bulk_load(const Rows& rows) = 0;
  // Adds drawings and components to those that are there.
  virtual void insert(const Rows& rows) = 0;
  // Gives the rows with these ids the review_status, confidence_score and updated_at that they have here.
  virtual void update(ComponentRefs components) = 0;
  // Deletes the rows with these ids.
  virtual void erase(ComponentRefs components) = 0;
  // Deletes the drawing and all its components.
  virtual void erase_drawing(const Uuid& id) = 0;
  // Does what writes have left to do later, outside the clock.
  virtual void settle() = 0;

  // Between the two, all reads share a snapshot; outside of them, each read has one of its own.
  virtual void begin_snapshot() = 0;
  virtual void end_snapshot() = 0;

  // The row with the query's drawing, mark and instance. In the old schema no row has an instance.
  virtual Tally find(const RowQuery& query) = 0;
  virtual Tally get(const Uuid& id) = 0;
  // All instances of the query's mark, in any order.
  virtual Tally instances(const MarkQuery& query) = 0;
  // The components of a drawing, in any order.
  virtual Tally read_drawing(const Uuid& id) = 0;
  // All components, in any order.
  virtual Tally scan() = 0;

  virtual Schema schema() const { return Schema::current; }
  // To another schema, with all rules enforced after. Only where ContenderInfo::migrates says so.
  virtual void migrate(Schema) { throw std::logic_error("it has no schema to migrate"); }
  // To the old schema, which cannot hold all rows: the others are set aside, and return with the upgrade. Only
  // where ContenderInfo::sets_aside says so.
  virtual void downgrade_setting_aside() { throw std::logic_error("it sets nothing aside"); }
};

struct ContenderInfo {
  std::string name;
  std::string version;
  // Makes an empty store in this file, or in a folder of this name.
  std::function<std::unique_ptr<Contender>(const std::filesystem::path& file, Schema)> create;
  // Opens a store that was closed: all of it lies in the file then.
  std::function<std::unique_ptr<Contender>(const std::filesystem::path& file, Access)> open;
  // Starts the server that the store needs before it can be made or opened, and that runs as long as the result
  // lives. Empty where there is none. What a server does is timed by the wall clock.
  std::function<std::shared_ptr<void>(const std::filesystem::path& file)> start_server{};
  // The size of the rows on the disk, the store being closed. Empty: all files of the store.
  std::function<std::uint64_t(const std::filesystem::path& file)> bytes{};

  bool writes = true;             // whether it can do more than be loaded and read
  bool migrates = true;           // whether it has the old schema and the current one
  bool sets_aside = false;        // whether downgrade_setting_aside() can be called
  bool has_newer_layout = false;  // whether there is Schema::newest, which is asked and written then

  // The schema that all but the migrations work with.
  Schema schema() const { return has_newer_layout ? Schema::newest : Schema::current; }
};

}  // namespace piecemark::bench
