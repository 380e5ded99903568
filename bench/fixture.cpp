#include "fixture.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

namespace piecemark::bench {
namespace {

constexpr std::size_t kRowsOfServer = 1'000;

// Calls visit(path) for every file of the folder, at whatever depth.
template <class Visit>
void for_each_file(const std::filesystem::path& folder, const Visit& visit) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) visit(entry.path());
  }
}

// Works on pages that are clean and that nobody has mapped.
void drop_pages(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "cannot open " + file.string());
  const int result = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
  if (result != 0) throw std::system_error(result, std::generic_category(), "cannot drop " + file.string());
}

// Reads everything by every way, so that it lies in memory and is mapped. A server, which maps nothing, is asked for
// few single rows: enough for its plans.
void read_through(Contender& contender, const ContenderInfo& info, const Workload& workload) {
  std::span<const RowQuery> rows = workload.row_queries();
  if (info.start_server) rows = rows.first(std::min(rows.size(), kRowsOfServer));
  contender.begin_snapshot();
  contender.scan();
  for (const DrawingQuery& query : workload.drawing_queries()) contender.read_drawing(query.id);
  for (const RowQuery& query : rows) contender.find(query);
  for (const RowQuery& query : rows) contender.get(query.id);
  contender.end_snapshot();
}

}  // namespace

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

TemporaryStore::TemporaryStore(const ContenderInfo& info, Schema schema) : info_(info) {
  start_server();
  contender_ = info_.create(file(), schema);
}

TemporaryStore::TemporaryStore(TemporaryStore& other) : info_(other.info_) {
  other.close();
  other.server_.reset();
  std::filesystem::copy(other.file(), file(), std::filesystem::copy_options::recursive);
  sync();  // Or the disk goes on with it while a write is timed.
  other.start_server();
  start_server();
  open_for_reading();
}

void TemporaryStore::start_server() {
  if (info_.start_server) server_ = info_.start_server(file());
}

Contender& TemporaryStore::contender() {
  if (!contender_) contender_ = info_.open(file(), Access::read_write);
  return *contender_;
}

Contender& TemporaryStore::in(Schema schema) {
  if (contender().schema() == schema) return *contender_;
  is_warm_ = false;
  if (schema == Schema::old && info_.sets_aside) {
    contender_->downgrade_setting_aside();
  } else {
    contender_->migrate(schema);
  }
  contender_->settle();
  return *contender_;
}

Contender& TemporaryStore::warm(const Workload& workload) {
  Contender& warmed = contender();
  if (is_warm_) return warmed;
  read_through(warmed, info_, workload);
  is_warm_ = true;
  return warmed;
}

void TemporaryStore::close() {
  contender_.reset();
  is_warm_ = false;
}

Contender& TemporaryStore::open_for_reading() {
  contender_ = info_.open(file(), Access::read_only);
  return *contender_;
}

void TemporaryStore::drop_from_memory() {
  server_.reset();
  sync();
  for_each_file(folder_.path(), drop_pages);
  start_server();
}

std::uint64_t TemporaryStore::bytes() {
  close();
  if (info_.bytes) return info_.bytes(file());
  std::uint64_t sum = 0;
  for_each_file(folder_.path(), [&](const auto& path) { sum += std::filesystem::file_size(path); });
  return sum;
}

MigrationFixture::MigrationFixture(const ContenderInfo& info, const Workload& workload)
    : info_(info), workload_(workload.in_old_schema()), migrated_(info, Schema::old) {
  migrated_.contender().bulk_load(workload_.rows());
  migrated_.contender().settle();
  unchanged_ = std::make_unique<TemporaryStore>(migrated_);
}

std::array<Contender*, 2> MigrationFixture::unchanged_and_upgraded() {
  if (migrated_.contender().schema() != Schema::current) are_mapped_ = false;
  const std::array<Contender*, 2> both{&unchanged_->contender(), &migrated_.in(Schema::current)};
  if (!are_mapped_) {
    for (Contender* contender : both) read_through(*contender, info_, workload_);
  }
  are_mapped_ = true;
  return both;
}

TemporaryStore& Fixture::loaded_store() {
  if (!loaded_) {
    auto store = new_store();
    store->contender().bulk_load(workload_.rows());
    store->contender().settle();
    loaded_ = std::move(store);
  }
  return *loaded_;
}

Contender& Fixture::warm() {
  loaded();
  return loaded_store().warm(workload_);
}

MigrationFixture& Fixture::migration() {
  if (!migration_) migration_ = std::make_unique<MigrationFixture>(info_, workload_);
  return *migration_;
}

}  // namespace piecemark::bench
