// Piecemark itself, through its public interface.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "driver.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

constexpr std::uint32_t kOldFormat = 1;
constexpr std::uint32_t kCurrentFormat = 3;

class StoreContender final : public Contender {
 public:
  explicit StoreContender(Store store) : store_(std::move(store)) {}

  void bulk_load(const Workload& workload) override {
    WriteTxn txn = store_.write();
    for (const Drawing& drawing : workload.drawings()) txn.insert_drawing(drawing);
    for (const Component& component : workload.components()) txn.insert(component);
    txn.commit();
  }

  void insert(const Component& component) override {
    WriteTxn txn = store_.write();
    txn.insert(component);
    txn.commit();
  }

  void erase(const std::vector<Component>& components) override {
    WriteTxn txn = store_.write();
    for (const Component& component : components) txn.erase(component.id);
    txn.commit();
  }

  Schema schema() const override {
    return store_.info().format == kOldFormat ? Schema::old : Schema::current;
  }
  void upgrade() override { migrate(store_, kCurrentFormat); }
  void downgrade() override { migrate(store_, kOldFormat); }
  void downgrade_setting_aside() override { migrate(store_, kOldFormat, {.on_loss = OnLoss::stash}); }
  void settle() override {}

  void begin_snapshot() override { snapshot_ = store_.read(); }
  void end_snapshot() override { snapshot_.reset(); }

  Tally find(const RowQuery& query) override {
    return in_snapshot([&](const ReadTxn& snapshot) {
      return tally_of(snapshot.find(query.drawing_id, query.piece_mark, query.instance_identifier));
    });
  }

  Tally get(const Uuid& id) override {
    return in_snapshot([&](const ReadTxn& snapshot) { return tally_of(snapshot.get(id)); });
  }

  Tally read_drawing(const Uuid& id) override {
    return in_snapshot([&](const ReadTxn& snapshot) { return tally_of(snapshot.in_drawing(id)); });
  }

  Tally scan() override {
    return in_snapshot([](const ReadTxn& snapshot) { return tally_of(snapshot.scan()); });
  }

 private:
  template <class Read>
  Tally in_snapshot(const Read& read) {
    if (snapshot_) return read(*snapshot_);
    const ReadTxn snapshot = store_.read();
    return read(snapshot);
  }

  static Tally tally_of(const std::optional<ComponentView>& component) {
    Tally tally;
    if (component) tally.add(component->row());
    return tally;
  }

  static Tally tally_of(ComponentRange components) {
    Tally tally;
    for (const ComponentView& component : components) tally.add(component.row());
    return tally;
  }

  Store store_;
  std::optional<ReadTxn> snapshot_;
};

std::unique_ptr<Contender> create(const std::filesystem::path& file, Schema schema) {
  const std::uint32_t format = schema == Schema::old ? kOldFormat : kCurrentFormat;
  return std::make_unique<StoreContender>(
      Store::create(file.string(), {.format = format}, {.write_older_format = true}));
}

std::unique_ptr<Contender> open(const std::filesystem::path& file, Access access) {
  return std::make_unique<StoreContender>(
      Store::open(file.string(), {.read_only = access == Access::read_only}));
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(argc, argv,
                        {.name = "piecemark",
                         .version = piecemark::kVersion.to_string(),
                         .create = create,
                         .open = open,
                         .sets_aside = true});
}
