// RocksDB: a column family a table, every commit synced. Settings follow its tuning guide for rows that fit into
// memory: a block cache for all of them, 10 bits of Bloom filter a key, LZ4 - blocks lie in the cache unpacked,
// so it costs reads nothing - and an index within each block.

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "driver.h"
#include "key_value_contender.h"

namespace piecemark::bench {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{8} << 30;  // taken as it fills
constexpr std::size_t kKeysAtOnce = 64;

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("RocksDB: " + status.ToString());
}

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

rocksdb::ColumnFamilyOptions table_options() {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = rocksdb::NewLRUCache(kCacheBytes);
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  blocks.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  return options;
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_open_files = -1;
  options.atomic_flush = true;  // or a load without log could end with one table and without the other
  options.info_log_level = rocksdb::WARN_LEVEL;
  return options;
}

class RocksdbStore final : public KeyValueStore {
 public:
  RocksdbStore(const std::filesystem::path& folder, Access access) {
    const rocksdb::ColumnFamilyOptions options = table_options();
    const std::vector<rocksdb::ColumnFamilyDescriptor> tables{
        {"drawings", options}, {"components", options}, {"keys", options}, {"default", options}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* database = nullptr;
    check(access == Access::read_only
              ? rocksdb::DB::OpenForReadOnly(database_options(), folder, tables, &handles, &database)
              : rocksdb::DB::Open(database_options(), folder, tables, &handles, &database));
    database_.reset(database);
    for (rocksdb::ColumnFamilyHandle* handle : handles) handles_.emplace_back(handle);
  }
  ~RocksdbStore() override { end_snapshot(); }

  std::optional<std::string_view> get(Table table, std::string_view key) override {
    value_.Reset();
    const rocksdb::Status status = database_->Get(reading_, handle(table), slice(key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    return view(value_);
  }

  void get_all(Table table, std::span<const std::string_view> keys, const VisitValue& visit) override {
    std::array<rocksdb::Slice, kKeysAtOnce> slices;
    std::array<rocksdb::PinnableSlice, kKeysAtOnce> values;
    std::array<rocksdb::Status, kKeysAtOnce> statuses;
    for (std::size_t first = 0; first < keys.size(); first += kKeysAtOnce) {
      const std::size_t count = std::min(kKeysAtOnce, keys.size() - first);
      for (std::size_t i = 0; i < count; ++i) slices[i] = slice(keys[first + i]);
      database_->MultiGet(reading_, handle(table), count, slices.data(), values.data(), statuses.data());
      for (std::size_t i = 0; i < count; ++i) {
        if (!statuses[i].IsNotFound()) {
          check(statuses[i]);
          visit(first + i, view(values[i]));
        }
        values[i].Reset();
      }
    }
  }

  void for_each(Table table, std::string_view prefix, const VisitEntry& visit) override {
    std::unique_ptr<rocksdb::Iterator>& kept = iterators_[static_cast<std::size_t>(table)];
    if (!kept) kept.reset(database_->NewIterator(reading_, handle(table)));
    rocksdb::Iterator& at = *kept;
    for (at.Seek(slice(prefix)); at.Valid() && at.key().starts_with(slice(prefix)); at.Next()) {
      visit(view(at.key()), view(at.value()));
    }
    check(at.status());
    if (reading_.snapshot == nullptr) kept.reset();
  }

  void put(Table table, std::string_view key, std::string_view value) override {
    check(batch_.Put(handle(table), slice(key), slice(value)));
  }
  void erase(Table table, std::string_view key) override { check(batch_.Delete(handle(table), slice(key))); }

  void commit() override {
    rocksdb::WriteOptions durable;
    durable.sync = true;
    check(database_->Write(durable, &batch_));
    batch_.Clear();
  }

  // The way its manual loads much: without the log, and flushed at the end. The flush makes it durable, all
  // tables or none.
  void commit_first_load() override {
    rocksdb::WriteOptions unlogged;
    unlogged.disableWAL = true;
    check(database_->Write(unlogged, &batch_));
    batch_ = rocksdb::WriteBatch();
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    for (const auto& owned : handles_) handles.push_back(owned.get());
    check(database_->Flush({}, handles));
  }

  // Merges all that was written into one sorted run.
  void settle() override {
    for (const auto& owned : handles_) check(database_->CompactRange({}, owned.get(), nullptr, nullptr));
  }

  void begin_snapshot() override { reading_.snapshot = database_->GetSnapshot(); }
  void end_snapshot() override {
    for (auto& iterator : iterators_) iterator.reset();
    if (reading_.snapshot != nullptr) database_->ReleaseSnapshot(reading_.snapshot);
    reading_.snapshot = nullptr;
  }

 private:
  rocksdb::ColumnFamilyHandle* handle(Table table) { return handles_[static_cast<std::size_t>(table)].get(); }

  std::unique_ptr<rocksdb::DB> database_;
  std::vector<std::unique_ptr<rocksdb::ColumnFamilyHandle>> handles_;  // Closed before the database.
  rocksdb::ReadOptions reading_;
  std::array<std::unique_ptr<rocksdb::Iterator>, kTables> iterators_;  // kept for as long as a snapshot
  rocksdb::PinnableSlice value_;
  rocksdb::WriteBatch batch_;
};

std::unique_ptr<Contender> open(const std::filesystem::path& folder, Access access) {
  return std::make_unique<KeyValueContender>(std::make_unique<RocksdbStore>(folder, access));
}

std::unique_ptr<Contender> create(const std::filesystem::path& folder, Schema) {
  return open(folder, Access::read_write);
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(argc, argv,
                        {.name = "rocksdb",
                         .version = rocksdb::GetRocksVersionAsString(),
                         .create = create,
                         .open = open,
                         .migrates = false});
}
