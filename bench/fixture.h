#pragma once

#include <array>
#include <cstdint>
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
  TemporaryStore(const ContenderInfo& info, Schema schema);
  // A copy of the other, opened read-only. Nobody may be using the other: it is closed.
  explicit TemporaryStore(TemporaryStore& other);

  // The contender; opened for writing if it was closed.
  Contender& contender();
  // The contender, taken to this schema first.
  Contender& in(Schema schema);
  // The contender with all that it will be asked in memory: read through, and asked for many rows.
  Contender& warm(const Workload& workload);

  void close();
  // The contender, opened for reading. It must be closed.
  Contender& open_for_reading();
  // Drops the closed store from the memory of the system, and restarts its server: the next read waits for the
  // disk.
  void drop_from_memory();
  // The size of the rows on the disk. Closes the store.
  std::uint64_t bytes();

 private:
  std::filesystem::path file() const { return folder_.path() / "bench.store"; }
  void start_server();

  const ContenderInfo& info_;
  TemporaryFolder folder_;
  std::shared_ptr<void> server_;
  std::unique_ptr<Contender> contender_;  // Closed before its server stops and its folder goes.
  bool is_warm_ = false;
};

// Rows that both schemas can hold, in two stores: one keeps the old schema, the other is upgraded and
// downgraded.
class MigrationFixture {
 public:
  MigrationFixture(const ContenderInfo& info, const Workload& workload);

  const ContenderInfo& info() const { return info_; }
  const Workload& workload() const { return workload_; }
  TemporaryStore& migrated() { return migrated_; }
  // The store of the old schema, and the other one upgraded. All pages of both are mapped: each was read
  // through and asked everything before.
  std::array<Contender*, 2> unchanged_and_upgraded();

 private:
  const ContenderInfo& info_;
  Workload workload_;
  TemporaryStore migrated_;
  std::unique_ptr<TemporaryStore> unchanged_;
  bool are_mapped_ = false;
};

// What the benchmarks of one size and contender share: the workload, and stores that hold it, each made when first
// asked for. Who changes rows changes them back.
class Fixture {
 public:
  Fixture(const ContenderInfo& info, const Workload& workload) : info_(info), workload_(workload) {}

  const Workload& workload() const { return workload_; }
  std::unique_ptr<TemporaryStore> new_store() const {
    return std::make_unique<TemporaryStore>(info_, info_.schema());
  }
  // Takes a store that holds the workload, so that loaded_store() need not make another.
  void adopt(std::unique_ptr<TemporaryStore> store) { loaded_ = std::move(store); }

  TemporaryStore& loaded_store();
  // For writes: in the schema of the contender.
  Contender& loaded() { return loaded_store().in(info_.schema()); }
  // For reads that find everything in memory.
  Contender& warm();
  MigrationFixture& migration();

 private:
  const ContenderInfo& info_;
  const Workload& workload_;
  std::unique_ptr<TemporaryStore> loaded_;
  std::unique_ptr<MigrationFixture> migration_;
};

}  // namespace piecemark::bench
