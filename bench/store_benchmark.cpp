// Piecemark itself, through its public interface.

#include <optional>

#include "driver.h"
#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

class StoreContender final : public Contender {
 public:
  explicit StoreContender(const std::filesystem::path& folder)
      : store_(Store::create((folder / "bench.pmk").string())) {}

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

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  return run_benchmarks(argc, argv,
                        {.name = "piecemark",
                         .version = piecemark::kVersion.to_string(),
                         .create = [](const std::filesystem::path& folder) {
                           return std::make_unique<StoreContender>(folder);
                         }});
}
