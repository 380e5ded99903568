#include "piecemark/store.h"

#include <utility>

#include "index/schema.h"
#include "store_core.h"

namespace piecemark {

StoreCore::StoreCore(std::shared_ptr<engine::Environment> environment, const OpenOptions& options)
    : environment_(std::move(environment)), options_(options) {
  const engine::ReadTransaction transaction = environment_->begin_read();
  const engine::Stamp stamp = index::load_stamp(transaction);
  index::require_schema(transaction, index::require_readable(stamp, environment_->path()));
  nulls_not_distinct_ = stamp.nulls_not_distinct;
  components_.resize(index::formats().size());
}

const index::Components& StoreCore::components_in(const index::Format& format) const {
  const std::lock_guard lock(components_mutex_);
  auto& components = components_[format.number - 1];
  if (!components)
    components = std::make_unique<index::Components>(format, nulls_not_distinct_, *environment_);
  return *components;
}

const index::Format& StoreCore::require_known(const engine::Stamp& stamp) const {
  try {
    return index::require_readable(stamp, environment_->path());
  } catch (const Error& error) {
    throw Error(ErrorCode::format_changed,
                {"cannot go on with '" + environment_->path() + "'",
                 "it was upgraded to " + error.facts().found, error.facts().supported, error.facts().next});
  }
}

const index::Components& StoreCore::readable_components(const engine::ReadTransaction& transaction) {
  const std::uint64_t id = transaction.id();
  const std::uint64_t known = known_.load(std::memory_order_acquire);
  if (known >> 8 == id && known != 0) return *components_[(known & 0xFF) - 1];
  const index::Format& format = require_known(index::load_stamp(transaction));
  const index::Components& components = components_in(format);
  known_.store(id << 8 | format.number, std::memory_order_release);
  return components;
}

const index::Components& StoreCore::writable_components(const engine::WriteTransaction& transaction) const {
  const engine::Stamp stamp = index::load_stamp(transaction);
  const index::Format& format = require_known(stamp);
  const std::string& path = environment_->path();
  index::require_writable(stamp, path);
  if (format.number == index::kLiveFormat || options_.write_older_format) return components_in(format);
  throw Error(ErrorCode::format_too_old,
              {"cannot write to '" + path + "'", "format " + std::to_string(format.number),
               "writing format " + std::to_string(index::kLiveFormat),
               "piecemark upgrade " + path + "; or write it as it is, for an old app: import --format " +
                   std::to_string(format.number)});
}

void StoreCore::require_opened_for_writing() const {
  if (!options_.read_only) return;
  throw Error(ErrorCode::read_only, {"cannot write to '" + environment_->path() + "'",
                                     "a store opened for reading",
                                     {},
                                     "open it for writing"});
}

Store::Store(std::shared_ptr<StoreCore> core) : core_(std::move(core)) {}

StoreCore& core_of(const Store& store) {
  return *store.core_;
}

Store Store::open(const std::string& path, const OpenOptions& options) {
  auto environment = engine::Environment::open(path, index::kTables,
                                               {.read_only = options.read_only,
                                                .trusted = options.trusted,
                                                .map_size_bytes = options.map_size_bytes,
                                                .busy_timeout_ms = options.busy_timeout_ms,
                                                .required_tables = index::kRequiredTables});
  return Store(std::make_shared<StoreCore>(std::move(environment), options));
}

Store Store::create(const std::string& path, const CreateOptions& create, const OpenOptions& open) {
  const index::Format* format =
      index::format_numbered(create.format == 0 ? index::kLiveFormat : create.format);
  if (format == nullptr) {
    throw Error(ErrorCode::no_such_format,
                {"cannot create '" + path + "'", "format " + std::to_string(create.format),
                 index::known_formats(), "run 'piecemark formats' to see them"});
  }
  engine::Environment::create(path, index::kTables, [&](engine::WriteTransaction& transaction) {
    index::save_stamp(transaction, index::new_stamp(*format, create.nulls_not_distinct));
  });
  return Store::open(path, open);
}

ReadTxn Store::read() const {
  engine::ReadTransaction transaction = core_->environment()->begin_read();
  const index::Components& components = core_->readable_components(transaction);
  return ReadTxn(std::unique_ptr<ReadTxnState>(new ReadTxnState{core_, std::move(transaction), &components}));
}

WriteTxn Store::write() {
  core_->require_opened_for_writing();
  engine::WriteTransaction transaction = core_->environment()->begin_write(core_->options().busy_timeout_ms);
  const index::Components& components = core_->writable_components(transaction);
  return WriteTxn(std::make_unique<WriteTxnState>(core_, std::move(transaction), components));
}

void Store::write_grouped(const std::function<void(WriteTxn& txn)>& change) {
  const CommitGroup::Transactions transactions{.begin =
                                                   [this] {
                                                     WriteTxn txn = write();
                                                     state_of(txn).is_grouped = true;
                                                     return txn;
                                                   },
                                               .commit =
                                                   [](WriteTxn& txn) {
                                                     state_of(txn).is_grouped = false;
                                                     txn.commit();
                                                   }};
  core_->commit_group().run(change, transactions);
}

StoreInfo Store::info() const {
  const engine::Environment& environment = *core_->environment();
  const engine::ReadTransaction transaction = core_->environment()->begin_read();
  const index::Components& components = core_->readable_components(transaction);
  const engine::Stamp stamp = index::load_stamp(transaction);
  const engine::Environment::Usage usage = environment.usage();
  const bool is_migrated = stamp.migrated_at != Timestamp{};
  return {
      .format = stamp.format,
      .nulls_not_distinct = stamp.nulls_not_distinct,
      .created_at = stamp.created_at,
      .created_by = stamp.created_by,
      .migrated_at = is_migrated ? std::optional(stamp.migrated_at) : std::nullopt,
      .migrated_by = stamp.migrated_by,
      .components = components.layout().count(transaction),
      .drawings = components.drawings().count(transaction),
      .stash_entries = transaction.entries(index::table(environment, index::TableId::stash)),
      .migrations = transaction.entries(index::table(environment, index::TableId::history)),
      .file_bytes = usage.file_bytes,
      .map_bytes = usage.map_bytes,
      .readers = usage.readers,
  };
}

const std::string& Store::path() const {
  return core_->environment()->path();
}

}  // namespace piecemark
