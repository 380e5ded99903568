// LevelDB: all tables in one, told apart by the first byte of the key; every commit synced. 10 bits of Bloom filter
// a key, a block cache for all rows, and Snappy, which is its default: blocks lie in the cache unpacked.

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "driver.h"
#include "key_value_contender.h"

namespace piecemark::bench {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{8} << 30;  // taken as it fills
constexpr std::size_t kWriteBufferBytes = std::size_t{64} << 20;
constexpr int kOpenFiles = 8'000;

void check(const leveldb::Status& status) {
  if (!status.ok()) throw std::runtime_error("LevelDB: " + status.ToString());
}

std::string_view view(const leveldb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

class LeveldbStore final : public KeyValueStore {
 public:
  explicit LeveldbStore(const std::filesystem::path& folder)
      : cache_(leveldb::NewLRUCache(kCacheBytes)), filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    options.write_buffer_size = kWriteBufferBytes;
    options.max_open_files = kOpenFiles;
    leveldb::DB* database = nullptr;
    check(leveldb::DB::Open(options, folder, &database));
    database_.reset(database);
  }
  ~LeveldbStore() override { end_snapshot(); }

  std::optional<std::string_view> get(Table table, std::string_view key) override {
    const leveldb::Status status = database_->Get(reading_, key_in(table, key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    return value_;
  }

  void get_all(Table table, std::span<const std::string_view> keys, const VisitValue& visit) override {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (const auto value = get(table, keys[i])) visit(i, *value);
    }
  }

  void for_each(Table table, std::string_view prefix, const VisitEntry& visit) override {
    if (!iterator_) iterator_.reset(database_->NewIterator(reading_));
    leveldb::Iterator& at = *iterator_;
    const std::string full(view(key_in(table, prefix)));
    for (at.Seek(full); at.Valid() && at.key().starts_with(full); at.Next()) {
      visit(view(at.key()).substr(1), view(at.value()));
    }
    check(at.status());
    if (reading_.snapshot == nullptr) iterator_.reset();
  }

  void put(Table table, std::string_view key, std::string_view value) override {
    batch_.Put(key_in(table, key), {value.data(), value.size()});
  }
  void erase(Table table, std::string_view key) override { batch_.Delete(key_in(table, key)); }

  void commit() override {
    leveldb::WriteOptions durable;
    durable.sync = true;
    check(database_->Write(durable, &batch_));
    batch_ = {};
  }

  // Merges all that was written into one sorted run.
  void settle() override { database_->CompactRange(nullptr, nullptr); }

  void begin_snapshot() override { reading_.snapshot = database_->GetSnapshot(); }
  void end_snapshot() override {
    iterator_.reset();
    if (reading_.snapshot != nullptr) database_->ReleaseSnapshot(reading_.snapshot);
    reading_.snapshot = nullptr;
  }

 private:
  // Valid until the next call.
  leveldb::Slice key_in(Table table, std::string_view key) {
    key_.assign(1, static_cast<char>(table)).append(key);
    return key_;
  }

  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> database_;  // Closed before its cache and its filter go.
  leveldb::ReadOptions reading_;
  std::unique_ptr<leveldb::Iterator> iterator_;  // kept for as long as a snapshot
  std::string key_;
  std::string value_;
  leveldb::WriteBatch batch_;
};

std::unique_ptr<Contender> open(const std::filesystem::path& folder, Access) {
  return std::make_unique<KeyValueContender>(std::make_unique<LeveldbStore>(folder));
}

std::unique_ptr<Contender> create(const std::filesystem::path& folder, Schema) {
  return open(folder, Access::read_write);
}

std::string version() {
  return std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion);
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(
      argc, argv,
      {.name = "leveldb", .version = version(), .create = create, .open = open, .migrates = false});
}
