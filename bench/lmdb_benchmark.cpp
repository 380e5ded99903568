// LMDB alone, as a limit to what a store on it can reach: one table id -> row and one (drawing, mark, instance) ->
// row, so that each question takes one look-up. Values are copied and decoded. It knows no rules but unique keys,
// and nothing keeps the two copies of a row equal: it is loaded and read only.

#include <lmdb.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "driver.h"
#include "flat_row.h"

namespace piecemark::bench {
namespace {

constexpr std::size_t kMapBytes = std::size_t{64} << 30;  // of address space
constexpr unsigned kTables = 3;

void check(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("LMDB: ") + mdb_strerror(code));
}

MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
std::string_view view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

struct Close {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
  void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Environment = std::unique_ptr<MDB_env, Close>;
using Transaction = std::unique_ptr<MDB_txn, Close>;
using Cursor = std::unique_ptr<MDB_cursor, Close>;

class LmdbContender final : public Contender {
 public:
  LmdbContender(const std::filesystem::path& file, Access access) {
    MDB_env* environment = nullptr;
    check(mdb_env_create(&environment));
    environment_.reset(environment);
    check(mdb_env_set_mapsize(environment, kMapBytes));
    check(mdb_env_set_maxdbs(environment, kTables));
    const bool is_read_only = access == Access::read_only;
    check(mdb_env_open(environment, file.c_str(), MDB_NOSUBDIR | (is_read_only ? MDB_RDONLY : 0U), 0644));
    open_tables(is_read_only);
    reader_ = begin(MDB_RDONLY);
    mdb_txn_reset(reader_.get());
  }

  void bulk_load(const Rows& rows) override {
    Transaction txn = begin(0);
    for (const Drawing& drawing : rows.drawings) {
      put(txn.get(), drawings_, key_of(drawing.id), drawing.name.value_or(""));
    }
    for (const Component* component : rows.components) {
      const ComponentRow row = row_of(*component);
      encode(row, bytes_);
      put(txn.get(), by_id_, key_of(row.id), bytes_);
      bytes_.append(key_of(row.id));  // which the other key does not hold
      put(txn.get(), by_key_, unique_key(row).bytes, bytes_);
    }
    check(mdb_txn_commit(txn.release()));
  }
  void insert(const Rows&) override { throw std::logic_error("it is loaded and read only"); }
  void update(ComponentRefs) override { throw std::logic_error("it is loaded and read only"); }
  void erase(ComponentRefs) override { throw std::logic_error("it is loaded and read only"); }
  void erase_drawing(const Uuid&) override { throw std::logic_error("it is loaded and read only"); }
  void settle() override {}

  void begin_snapshot() override {
    check(mdb_txn_renew(reader_.get()));
    has_snapshot_ = true;
  }
  void end_snapshot() override {
    mdb_txn_reset(reader_.get());
    has_snapshot_ = false;
  }

  Tally find(const RowQuery& query) override {
    if (!query.instance_identifier) {
      return read_by_key(no_instance_prefix(query.drawing_id, query.piece_mark));
    }
    ComponentRow row;
    row.drawing_id = query.drawing_id;
    row.piece_mark = query.piece_mark;
    row.instance_identifier = query.instance_identifier;
    return in_snapshot([&] {
      Tally tally;
      if (const auto value = get(by_key_, unique_key(row).bytes)) add_with_id(tally, *value);
      return tally;
    });
  }

  Tally get(const Uuid& id) override {
    return in_snapshot([&] {
      Tally tally;
      if (const auto value = get(by_id_, key_of(id))) tally.add(decode(id, copied(*value)));
      return tally;
    });
  }

  Tally instances(const MarkQuery& query) override {
    return read_by_key(mark_prefix(query.drawing_id, query.piece_mark));
  }
  Tally read_drawing(const Uuid& id) override { return read_by_key(drawing_prefix(id)); }
  Tally scan() override { return read_by_key(""); }

 private:
  void open_tables(bool is_read_only) {
    const unsigned flags = is_read_only ? 0U : MDB_CREATE;
    Transaction txn = begin(is_read_only ? MDB_RDONLY : 0U);
    check(mdb_dbi_open(txn.get(), "drawings", flags, &drawings_));
    check(mdb_dbi_open(txn.get(), "by_id", flags, &by_id_));
    check(mdb_dbi_open(txn.get(), "by_key", flags, &by_key_));
    check(mdb_txn_commit(txn.release()));
  }

  Transaction begin(unsigned flags) {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_.get(), nullptr, flags, &transaction));
    return Transaction(transaction);
  }

  static void put(MDB_txn* txn, MDB_dbi table, std::string_view key, std::string_view value) {
    MDB_val key_value = value_of(key);
    MDB_val stored = value_of(value);
    check(mdb_put(txn, table, &key_value, &stored, MDB_NOOVERWRITE));
  }

  std::optional<std::string_view> get(MDB_dbi table, std::string_view key) {
    MDB_val key_value = value_of(key);
    MDB_val stored{};
    const int code = mdb_get(reader_.get(), table, &key_value, &stored);
    if (code == MDB_NOTFOUND) return std::nullopt;
    check(code);
    return view(stored);
  }

  std::string_view copied(std::string_view value) {
    bytes_.assign(value);
    return bytes_;
  }

  void add_with_id(Tally& tally, std::string_view value) {
    const std::string_view bytes = copied(value);
    const std::size_t size = bytes.size() - sizeof(Uuid);
    tally.add(decode(id_of(bytes.substr(size)), bytes.substr(0, size)));
  }

  Tally read_by_key(std::string_view prefix) {
    return in_snapshot([&] {
      MDB_cursor* opened = nullptr;
      check(mdb_cursor_open(reader_.get(), by_key_, &opened));
      const Cursor cursor(opened);
      Tally tally;
      MDB_val key = value_of(prefix);
      MDB_val value{};
      int code = mdb_cursor_get(opened, &key, &value, prefix.empty() ? MDB_FIRST : MDB_SET_RANGE);
      for (; code == MDB_SUCCESS && view(key).starts_with(prefix);
           code = mdb_cursor_get(opened, &key, &value, MDB_NEXT)) {
        add_with_id(tally, view(value));
      }
      if (code != MDB_NOTFOUND) check(code);
      return tally;
    });
  }

  template <class Read>
  Tally in_snapshot(const Read& read) {
    if (has_snapshot_) return read();
    begin_snapshot();
    const Tally tally = read();
    end_snapshot();
    return tally;
  }

  Environment environment_;
  MDB_dbi drawings_ = 0;
  MDB_dbi by_id_ = 0;
  MDB_dbi by_key_ = 0;
  Transaction reader_;  // Ends before the environment is closed.
  bool has_snapshot_ = false;
  std::string bytes_;
};

std::unique_ptr<Contender> open(const std::filesystem::path& file, Access access) {
  return std::make_unique<LmdbContender>(file, access);
}

std::unique_ptr<Contender> create(const std::filesystem::path& file, Schema) {
  return open(file, Access::read_write);
}

std::string version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  mdb_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(argc, argv,
                        {.name = "lmdb",
                         .version = version(),
                         .create = create,
                         .open = open,
                         .writes = false,
                         .migrates = false});
}
