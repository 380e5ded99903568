#pragma once

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
  explicit TemporaryStore(const ContenderInfo& info) : contender_(info.create(folder_.path())) {}

  Contender& contender() { return *contender_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Contender> contender_;  // Closed before its folder goes.
};

// What the benchmarks of one size share: the workload, and a store that holds it.
class Fixture {
 public:
  Fixture(const ContenderInfo& info, std::uint64_t components, IdOrder id_order)
      : info_(info), workload_(components, id_order) {}

  const Workload& workload() const { return workload_; }
  std::unique_ptr<TemporaryStore> new_store() const { return std::make_unique<TemporaryStore>(info_); }
  // Loaded when first asked for. Who changes it changes it back.
  Contender& loaded();

 private:
  const ContenderInfo& info_;
  Workload workload_;
  std::unique_ptr<TemporaryStore> loaded_;
};

}  // namespace piecemark::bench
