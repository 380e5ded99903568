#include "piecemark/store.h"

#include <utility>

#include "index/catalogue.h"
#include "store_core.h"

namespace piecemark {

Store::Store(std::shared_ptr<StoreCore> core) : core_(std::move(core)) {}

const std::shared_ptr<StoreCore>& Store::core() const {
  if (!core_) {
    throw Error(ErrorCode::invalid_use,
                {"cannot use a store", "one that was moved from", {}, "use the one it was moved to"});
  }
  return core_;
}

StoreCore& core_of(const Store& store) {
  return *store.core();
}

Store Store::open(const std::string& path, const OpenOptions& options) {
  return Store(std::make_shared<StoreCore>(path, options));
}

namespace {

// The first content of a file in creation. There is no store yet whose transaction it could be.
void write_content(engine::WriteTransaction& transaction, const index::Format& format,
                   const CreateOptions& create) {
  const index::Components components(format, create.nulls_not_distinct, *transaction.environment());
  WriteTxn txn = transaction_of(std::make_unique<WriteTxnState>(nullptr, std::move(transaction), components));
  state_of(txn).ends_with_call = true;
  create.content(txn);
  WriteTxnState& state = state_of(txn);
  state.changing().flush();
  transaction = std::move(state.transaction);
}

}  // namespace

Store Store::create(const std::string& path, const CreateOptions& create, const OpenOptions& open) {
  const index::Format* format =
      index::format_numbered(create.format == 0 ? index::kLiveFormat : create.format);
  if (format == nullptr) {
    throw Error(ErrorCode::no_such_format,
                {"cannot create '" + path + "'", "format " + std::to_string(create.format),
                 index::known_formats(), "run 'piecemark formats' to see them"});
  }
  engine::Environment::create(path, index::kTables,
                              [&](engine::WriteTransaction& transaction) {
                                index::save_stamp(transaction,
                                                  index::new_stamp(*format, create.nulls_not_distinct));
                                if (create.content) write_content(transaction, *format, create);
                              },
                              {.map_size_bytes = open.map_size_bytes, .notes_table = index::kNotesTable});
  return Store::open(path, open);
}

ReadTxn Store::read() const {
  return ReadTxn(std::unique_ptr<ReadTxnState>(new ReadTxnState(StoreCore::begin_read(core()))));
}

WriteTxn Store::write() {
  return WriteTxn(StoreCore::begin_write(core()));
}

void Store::write_grouped(const std::function<void(WriteTxn& txn)>& change) {
  const CommitGroup::Transactions transactions{.begin =
                                                   [this] {
                                                     WriteTxn txn = write();
                                                     state_of(txn).ends_with_call = true;
                                                     return txn;
                                                   },
                                               .commit =
                                                   [](WriteTxn& txn) {
                                                     state_of(txn).ends_with_call = false;
                                                     txn.commit();
                                                   }};
  core()->commit_group().run(change, transactions);
}

void Store::sync() const {
  core()->with_file([](const OpenedFile&, engine::Environment& environment) { environment.sync(); });
}

StoreInfo Store::info() const {
  const ReadTxnState state = StoreCore::begin_read(core());
  const engine::ReadTransaction& transaction = state.transaction;
  const index::Components& components = *state.components;
  const engine::Environment& environment = *transaction.environment();
  const engine::Stamp stamp = index::load_stamp(transaction);
  const engine::Environment::Usage usage = environment.usage();
  const std::uint32_t own = usage.readers > 0 ? 1 : 0;  // that of this call
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
      .readers = usage.readers - own,
  };
}

const std::string& Store::path() const {
  return core()->path();
}

}  // namespace piecemark
