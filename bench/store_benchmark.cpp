// Piecemark itself, through its public interface.
//   --format=N       the format of the store that is asked and written, instead of the newest; migrations between
//                    the old schema and the current one are those of formats 1 and 2 all the same
//   --newest_format  prints the newest format, and nothing else

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "driver.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::bench {
namespace {

constexpr std::uint32_t kOldFormat = 1;
constexpr std::uint32_t kCurrentFormat = 2;

class StoreContender final : public Contender {
 public:
  // newest  the format of Schema::newest
  StoreContender(Store store, std::uint32_t newest) : store_(std::move(store)), newest_(newest) {}

  void bulk_load(const Rows& rows) override { insert(rows); }

  void insert(const Rows& rows) override {
    WriteTxn txn = store_.write();
    for (const Drawing& drawing : rows.drawings) txn.insert_drawing(drawing);
    for (const Component* component : rows.components) txn.insert(*component);
    txn.commit();
  }

  void update(ComponentRefs components) override {
    WriteTxn txn = store_.write();
    for (const Component* component : components) {
      txn.update(component->id, {.confidence_score = component->confidence_score,
                                 .review_status = component->review_status,
                                 .updated_at = component->updated_at});
    }
    txn.commit();
  }

  void erase(ComponentRefs components) override {
    WriteTxn txn = store_.write();
    for (const Component* component : components) txn.erase(component->id);
    txn.commit();
  }

  void erase_drawing(const Uuid& id) override {
    WriteTxn txn = store_.write();
    txn.erase_drawing(id);
    txn.commit();
  }

  void settle() override {}

  Schema schema() const override {
    const std::uint32_t format = store_.info().format;
    if (format == kOldFormat) return Schema::old;
    return format == kCurrentFormat ? Schema::current : Schema::newest;
  }
  void migrate(Schema to) override { piecemark::migrate(store_, format_of(to, newest_)); }
  void downgrade_setting_aside() override {
    piecemark::migrate(store_, kOldFormat, {.on_loss = OnLoss::stash});
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

  Tally instances(const MarkQuery& query) override {
    return in_snapshot([&](const ReadTxn& snapshot) {
      return tally_of(snapshot.instances(query.drawing_id, query.piece_mark));
    });
  }

  Tally read_drawing(const Uuid& id) override {
    return in_snapshot([&](const ReadTxn& snapshot) { return tally_of(snapshot.in_drawing(id)); });
  }

  Tally scan() override {
    return in_snapshot([](const ReadTxn& snapshot) { return tally_of(snapshot.scan()); });
  }

  static std::uint32_t format_of(Schema schema, std::uint32_t newest) {
    if (schema == Schema::old) return kOldFormat;
    return schema == Schema::current ? kCurrentFormat : newest;
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
  std::uint32_t newest_;
  std::optional<ReadTxn> snapshot_;
};

ContenderInfo info_of(std::uint32_t format) {
  const auto create = [format](const std::filesystem::path& file, Schema schema) {
    const CreateOptions options{.format = StoreContender::format_of(schema, format)};
    return std::make_unique<StoreContender>(
        Store::create(file.string(), options, {.write_older_format = true}), format);
  };
  const auto open = [format](const std::filesystem::path& file, Access access) {
    const OpenOptions options{.read_only = access == Access::read_only, .write_older_format = true};
    return std::make_unique<StoreContender>(Store::open(file.string(), options), format);
  };
  return {.name = "piecemark",
          .version = kVersion.to_string() + " with format " + std::to_string(format),
          .create = create,
          .open = open,
          .sets_aside = true,
          .has_newer_layout = format > kCurrentFormat};
}

// nullopt for anything but a format that tells instances apart.
std::optional<std::uint32_t> parse_format(const std::string& text, std::uint32_t newest) {
  std::uint32_t format = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, format);
  if (error != std::errc() || after != end || format < kCurrentFormat || format > newest) {
    return std::nullopt;
  }
  return format;
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  const std::uint32_t newest = piecemark::known_formats().back().number;
  if (argc == 2 && std::string_view(argv[1]) == "--newest_format") {
    std::cout << newest << '\n';
    return EXIT_SUCCESS;
  }
  const std::string wanted = take_flag(argc, argv, "--format").value_or(std::to_string(newest));
  const std::optional<std::uint32_t> format = parse_format(wanted, newest);
  if (!format) {
    std::cerr << argv[0] << ": --format is " << kCurrentFormat << " to " << newest << '\n';
    return 2;
  }
  return run_benchmarks(argc, argv, info_of(*format));
}
