// Four layouts of the same rows, asked and changed through index::Layout: what a layout costs, without the rules that
// all have in common. Drawings are not kept, and nothing is checked but ids and the composite key. The operations of
// all layouts take turns.
//   --reversed=yes  the layouts come in the other order

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver.h"
#include "engine/environment.h"
#include "index/ordered.h"
#include "index/packed.h"
#include "layouts/clustered.h"
#include "layouts/hashed.h"
#include "piecemark/version.h"

namespace piecemark::bench {
namespace {

using engine::Environment;
using engine::ReadTransaction;
using engine::WriteTransaction;
using index::Layout;

// As in the DDL: NULLs are distinct.
constexpr bool kNullsNotDistinct = false;

struct LayoutKind {
  std::string_view name;
  // The first has the rows, and the first name in the alphabet: opening a file walks its tables in this order, and a cold
  // one is read several times as fast where the largest comes first.
  std::vector<std::string_view> tables;
  std::unique_ptr<Layout> (*make)(const Environment& environment);
};

const std::vector<LayoutKind>& kinds() {
  static const std::vector<LayoutKind> kKinds{
      {"ordered",
       {"components", "unique"},
       [](const Environment& environment) -> std::unique_ptr<Layout> {
         return std::make_unique<index::OrderedLayout>(*index::format_numbered(2), kNullsNotDistinct,
                                                       environment.table(0), environment.table(1));
       }},
      {"packed",
       {"blocks", "ids"},
       [](const Environment& environment) -> std::unique_ptr<Layout> {
         return std::make_unique<index::PackedLayout>(kNullsNotDistinct, environment.table(0),
                                                      environment.table(1));
       }},
      {"clustered",
       {"components", "ids"},
       [](const Environment& environment) -> std::unique_ptr<Layout> {
         return std::make_unique<ClusteredLayout>(kNullsNotDistinct, environment.table(0),
                                                  environment.table(1));
       }},
      {"hashed",
       {"components", "hashes", "drawings"},
       [](const Environment& environment) -> std::unique_ptr<Layout> {
         const HashedLayout::Tables tables{environment.table(0), environment.table(1), environment.table(2)};
         return std::make_unique<HashedLayout>(kNullsNotDistinct, tables);
       }},
  };
  return kKinds;
}

class LayoutContender final : public Contender {
 public:
  LayoutContender(const LayoutKind& kind, const std::string& file, Access access)
      : environment_(Environment::open(file, kind.tables, {.read_only = access == Access::read_only})),
        layout_(kind.make(*environment_)) {}

  void bulk_load(const Rows& rows) override { insert(rows); }

  void insert(const Rows& rows) override {
    write([&](WriteTransaction&, index::LayoutWriter& writer) {
      for (const Component* component : rows.components) require_none(writer.insert(row_of(*component)));
    });
  }

  void update(ComponentRefs components) override {
    write([&](WriteTransaction& transaction, index::LayoutWriter& writer) {
      for (const Component* component : components) {
        const Component before = stored(transaction, component->id);
        Component after = before;
        after.review_status = component->review_status;
        after.confidence_score = component->confidence_score;
        after.updated_at = component->updated_at;
        require_none(writer.replace(row_of(before), row_of(after)));
      }
    });
  }

  void erase(ComponentRefs components) override {
    write([&](WriteTransaction& transaction, index::LayoutWriter& writer) {
      for (const Component* component : components) {
        const Component erased = stored(transaction, component->id);
        writer.erase(row_of(erased));
      }
    });
  }

  void erase_drawing(const Uuid& id) override {
    write([&](WriteTransaction&, index::LayoutWriter& writer) { writer.erase_drawing(id); });
  }

  void settle() override {}

  void begin_snapshot() override { snapshot_ = environment_->begin_read(); }
  void end_snapshot() override { snapshot_.reset(); }

  Tally find(const RowQuery& query) override {
    return in_snapshot([&](const ReadTransaction& snapshot) {
      return tally_of(layout_->find(snapshot, query.drawing_id, query.piece_mark, query.instance_identifier));
    });
  }

  Tally get(const Uuid& id) override {
    return in_snapshot([&](const ReadTransaction& snapshot) { return tally_of(layout_->get(snapshot, id)); });
  }

  Tally instances(const MarkQuery& query) override {
    return in_snapshot([&](const ReadTransaction& snapshot) {
      return tally_of(*layout_->instances(snapshot, query.drawing_id, query.piece_mark, Layout::Order::any));
    });
  }

  Tally read_drawing(const Uuid& id) override {
    return in_snapshot([&](const ReadTransaction& snapshot) {
      return tally_of(*layout_->in_drawing(snapshot, id, Layout::Order::any));
    });
  }

  Tally scan() override {
    return in_snapshot([&](const ReadTransaction& snapshot) { return tally_of(*layout_->scan(snapshot)); });
  }

 private:
  template <class Change>
  void write(const Change& change) {
    WriteTransaction transaction = environment_->begin_write();
    {
      const auto writer = layout_->writer(transaction);
      change(transaction, *writer);
      writer->flush();
    }
    transaction.commit();
  }

  template <class Read>
  Tally in_snapshot(const Read& read) {
    if (snapshot_) return read(*snapshot_);
    const ReadTransaction snapshot = environment_->begin_read();
    return read(snapshot);
  }

  Component stored(const ReadTransaction& transaction, const Uuid& id) const {
    const auto row = layout_->get(transaction, id);
    if (!row) throw std::runtime_error("component " + id.to_string() + " is not there");
    return to_component(*row);
  }

  static void require_none(const std::optional<index::Conflict>& conflict) {
    if (conflict) throw std::runtime_error("component " + conflict->existing.to_string() + " is in the way");
  }

  static Tally tally_of(const std::optional<ComponentRow>& row) {
    Tally tally;
    if (row) tally.add(*row);
    return tally;
  }

  static Tally tally_of(index::RowCursor& rows) {
    Tally tally;
    for (ComponentRow row; rows.next(row);) tally.add(row);
    return tally;
  }

  std::shared_ptr<Environment> environment_;
  std::unique_ptr<Layout> layout_;
  std::optional<ReadTransaction> snapshot_;
};

ContenderInfo info_of(const LayoutKind& kind) {
  const auto open = [&kind](const std::filesystem::path& file, Access access) {
    return std::make_unique<LayoutContender>(kind, file.string(), access);
  };
  const auto create = [&kind, open](const std::filesystem::path& file, Schema) {
    Environment::create(file.string(), kind.tables, [](WriteTransaction&) {});
    return open(file, Access::read_write);
  };
  return {.name = std::string(kind.name),
          .version = kVersion.to_string(),
          .create = create,
          .open = open,
          .migrates = false};
}

}  // namespace
}  // namespace piecemark::bench

int main(int argc, char** argv) {
  using namespace piecemark::bench;
  const bool is_reversed = take_flag(argc, argv, "--reversed").value_or("no") == "yes";
  std::vector<ContenderInfo> infos;
  for (const LayoutKind& kind : kinds()) infos.push_back(info_of(kind));
  if (is_reversed) std::reverse(infos.begin(), infos.end());
  return run_benchmarks(argc, argv, infos);
}
