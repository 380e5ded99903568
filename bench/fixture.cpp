#include "fixture.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <system_error>

namespace piecemark::bench {

TemporaryFolder::TemporaryFolder() {
  const std::filesystem::path parent = std::filesystem::temp_directory_path();
  struct statfs filesystem {};
  if (statfs(parent.c_str(), &filesystem) == 0 && filesystem.f_type == TMPFS_MAGIC) {
    throw std::runtime_error(parent.string() + " lies in memory: set TMPDIR to a folder on a disk");
  }
  std::string path = (parent / "piecemark-bench-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make a folder in " + parent.string());
  }
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TemporaryStore::TemporaryStore(TemporaryStore& other) : info_(other.info_) {
  other.contender_.reset();
  std::filesystem::copy_file(other.file(), file());
  sync();  // Or the disk goes on with it while a write is timed.
  other.contender_ = info_.open(other.file(), Access::read_write);
  contender_ = info_.open(file(), Access::read_only);
}

Contender& TemporaryStore::in(Schema schema) {
  if (contender_->schema() == schema) return *contender_;
  if (schema == Schema::current) {
    contender_->upgrade();
  } else if (info_.sets_aside) {
    contender_->downgrade_setting_aside();
  } else {
    contender_->downgrade();
  }
  contender_->settle();
  return *contender_;
}

MigrationFixture::MigrationFixture(const ContenderInfo& info, const Workload& workload)
    : workload_(workload.in_old_schema()), migrated_(info, Schema::old) {
  migrated_.contender().bulk_load(workload_);
  unchanged_ = std::make_unique<TemporaryStore>(migrated_);
}

std::array<Contender*, 2> MigrationFixture::unchanged_and_upgraded() {
  if (migrated_.contender().schema() != Schema::current) are_mapped_ = false;
  const std::array<Contender*, 2> both{&unchanged_->contender(), &migrated_.in(Schema::current)};
  for (Contender* contender : both) {
    if (are_mapped_) break;
    contender->scan();
    for (const RowQuery& query : workload_.row_queries()) contender->find(query);
    for (const RowQuery& query : workload_.row_queries()) contender->get(query.id);
  }
  are_mapped_ = true;
  return both;
}

TemporaryStore& Fixture::loaded_store() {
  if (!loaded_) {
    auto store = new_store();
    store->contender().bulk_load(workload_);
    loaded_ = std::move(store);
  }
  return *loaded_;
}

MigrationFixture& Fixture::migration() {
  if (!migration_) migration_ = std::make_unique<MigrationFixture>(info_, workload_);
  return *migration_;
}

}  // namespace piecemark::bench
