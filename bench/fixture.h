#pragma once

#include <array>
#include <filesystem>
#include <memory>

#include "contender.h"
#include "workload.h"

namespace piecemark::bench {

// An empty folder under TMPDIR, deleted with everything in it at the end.
// Errors  std::runtime_error  TMPDIR lies in memory, where a durable commit costs nothing
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A contender with a store of its own.
class TemporaryStore {
 public:
  TemporaryStore(const ContenderInfo& info, Schema schema)
      : info_(info), contender_(info.create(file(), schema)) {}
  // A copy of the other, opened read-only. Nobody may be using the other: it is closed and opened again.
  explicit TemporaryStore(TemporaryStore& other);

  Contender& contender() { return *contender_; }
  // The contender, taken to this schema first.
  Contender& in(Schema schema);

 private:
  std::filesystem::path file() const { return folder_.path() / "bench.store"; }

  const ContenderInfo& info_;
  TemporaryFolder folder_;
  std::unique_ptr<Contender> contender_;  // Closed before its folder goes.
};

// Rows that both schemas can hold, in two stores: one keeps the old schema, the other is upgraded and
// downgraded.
class MigrationFixture {
 public:
  MigrationFixture(const ContenderInfo& info, const Workload& workload);

  const Workload& workload() const { return workload_; }
  TemporaryStore& migrated() { return migrated_; }
  // The store of the old schema, and the other one upgraded. All pages of both are mapped: each was read
  // through and asked everything before.
  std::array<Contender*, 2> unchanged_and_upgraded();

 private:
  Workload workload_;
  TemporaryStore migrated_;
  std::unique_ptr<TemporaryStore> unchanged_;
  bool are_mapped_ = false;
};

// What the benchmarks of one size share: the workload, and stores that hold it, each made when first asked
// for. Who changes rows changes them back.
class Fixture {
 public:
  Fixture(const ContenderInfo& info, std::uint64_t components, IdOrder id_order)
      : info_(info), workload_(components, id_order) {}

  const Workload& workload() const { return workload_; }
  std::unique_ptr<TemporaryStore> new_store() const {
    return std::make_unique<TemporaryStore>(info_, Schema::current);
  }
  Contender& loaded() { return loaded_store().in(Schema::current); }
  TemporaryStore& loaded_store();
  MigrationFixture& migration();

 private:
  const ContenderInfo& info_;
  Workload workload_;
  std::unique_ptr<TemporaryStore> loaded_;
  std::unique_ptr<MigrationFixture> migration_;
};

}  // namespace piecemark::bench
