// What a statement that throws leaves behind: nothing, or a transaction whose commit is refused.
//
// Each test makes a few changes in one transaction, among them the call under test, and meets that call with what can go
// wrong: every allocation fails in turn, in LMDB too; every record, block, row and group of ids of the file has a bit
// flipped in turn. The transaction goes on, and commits. Then the file must hold exactly what the statements that did not
// throw have done; or the commit was refused, and the file is as it was before.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "api/text/json_writer.h"
#include "engine/record.h"
#include "index/packed.h"
#include "index/tables.h"
#include "interposer.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"
#include "tests/support/temporary.h"
#include "tests/support/torture.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

const OpenOptions kOpen{.write_older_format = true, .map_size_bytes = 1 << 28};
constexpr Timestamp kThen{1'700'000'000'000'000};
constexpr Timestamp kLater{1'700'000'001'000'000};

// The content of a store in the plainest form.
struct Model {
  std::map<Uuid, Drawing> drawings;
  std::map<Uuid, Component> components;

  void erase_drawing(const Uuid& id) {
    drawings.erase(id);
    std::erase_if(components, [&](const auto& entry) { return entry.second.drawing_id == id; });
  }
  // As dump() of a store.
  std::string dump() const {
    std::string text;
    for (const auto& [id, drawing] : drawings) {
      text += "drawing ";
      text::append_json(text, drawing);
      text += '\n';
    }
    std::vector<const Component*> sorted;
    for (const auto& [id, component] : components) sorted.push_back(&component);
    const auto key = [](const Component& row) {
      return std::tuple(!row.drawing_id, row.drawing_id, std::string_view(row.piece_mark),
                        !row.instance_identifier, row.instance_identifier, row.id);
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const Component* a, const Component* b) { return key(*a) < key(*b); });
    for (const Component* component : sorted) {
      text += "component ";
      text::append_json(text, row_of(*component));
      text += '\n';
    }
    return text;
  }
};

struct Statement {
  std::string name;
  std::function<void(WriteTxn& txn)> perform;
  std::function<void(Model& model)> effect = [](Model&) {};
};

struct Kind {
  std::uint32_t format;
  bool nulls_not_distinct;
};
std::string name_of(const Kind& kind) {
  return "format_" + std::to_string(kind.format) + (kind.nulls_not_distinct ? "_nulls_not_distinct" : "");
}
void PrintTo(const Kind& kind, std::ostream* out) {
  *out << name_of(kind);
}

// One bit of one value in the file.
struct Damage {
  index::TableId table{};
  std::string key;
  std::string sound;
  std::string damaged;
};

struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t threw = 0;                  // of the calls under test
  std::uint64_t committed_after_throw = 0;  // any statement of the transaction
  std::uint64_t refused = 0;
  std::uint64_t failures = 0;
};

// Allocates nothing by itself: it may run while allocations fail.
template <class Call>
std::exception_ptr failure_of(const Call& call) noexcept {
  try {
    call();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

std::optional<ErrorCode> code_of(const std::exception_ptr& failure) {
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.code();
  } catch (const std::exception&) {
  }
  return std::nullopt;
}

class StatementsTest : public ::testing::TestWithParam<Kind> {
 protected:
  StatementsTest() {
    for (Uuid* id : {&large_, &small_, &single_, &empty_}) {
      *id = new_id();
      base_.drawings[*id] = {.id = *id, .name = "S-" + std::to_string(base_.drawings.size())};
    }
    add_rows(large_, 170);
    add_rows(small_, 50);
    add_rows(single_, 1);
    add_rows(std::nullopt, 12);
    prepare();
  }

  bool has_instances() const { return GetParam().format > 1; }
  Uuid new_id() {
    Uuid id;
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random_());
    return id;
  }
  Component new_component(const std::optional<Uuid>& drawing, const std::string& mark) {
    return {.id = new_id(),
            .drawing_id = drawing,
            .piece_mark = mark,
            .material_type = "A992",
            .location_x = 2.5,
            .bounding_box = R"({"x":[1,2]})",
            .created_at = kThen};
  }
  void add_rows(const std::optional<Uuid>& drawing, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      Component row = new_component(drawing, "G" + std::to_string(has_instances() ? i / 4 : i));
      if (has_instances() && i % 4 != 0) row.instance_identifier = std::to_string(i % 4);
      base_.components[row.id] = row;
      rows_[drawing].push_back(row.id);
    }
  }
  // By way of another format, so that the mark of a proven migration is there too.
  void prepare() {
    const std::uint32_t first = GetParam().format == 2 ? 3 : 2;
    Store store = Store::create(
        prepared_, {.format = first, .nulls_not_distinct = GetParam().nulls_not_distinct}, kOpen);
    {
      WriteTxn txn = store.write();
      for (const auto& [id, drawing] : base_.drawings) txn.insert_drawing(drawing);
      for (const auto& [id, row] : base_.components) txn.insert(row);
      txn.commit();
    }
    migrate(store, GetParam().format);
    EXPECT_EQ(dump(store), base_.dump());
  }
  const Component& row(const std::optional<Uuid>& drawing, std::size_t at) const {
    return base_.components.at(rows_.at(drawing).at(at));
  }

  // Statements

  Statement insert(std::string name, const Component& component) const {
    return {std::move(name), [=](WriteTxn& txn) { txn.insert(component); },
            [=](Model& model) { model.components[component.id] = component; }};
  }
  static Statement update(std::string name, const Uuid& id, ComponentColumns changes,
                          const std::function<void(Component&)>& change) {
    changes.updated_at = kLater;
    return {std::move(name), [=](WriteTxn& txn) { txn.update(id, changes); },
            [=](Model& model) {
              const auto found = model.components.find(id);
              if (found == model.components.end()) return;
              Component after = found->second;
              change(after);
              after.updated_at = kLater;
              model.components.erase(found);
              model.components[after.id] = after;
            }};
  }
  static Statement erase(std::string name, const Uuid& id) {
    return {std::move(name), [=](WriteTxn& txn) { txn.erase(id); },
            [=](Model& model) { model.components.erase(id); }};
  }
  static Statement erase_drawing(std::string name, const Uuid& id) {
    return {std::move(name), [=](WriteTxn& txn) { txn.erase_drawing(id); },
            [=](Model& model) { model.erase_drawing(id); }};
  }
  ComponentColumns columns_of(const Component& component) const {
    ComponentColumns columns{.id = component.id,
                             .drawing_id = component.drawing_id,
                             .piece_mark = component.piece_mark,
                             .material_type = component.material_type,
                             .created_at = kThen,
                             .updated_at = kThen};
    if (has_instances()) columns.instance_identifier = component.instance_identifier;
    return columns;
  }
  Statement upsert(std::string name, const Component& component, OnConflict on_conflict,
                   std::function<void(Model&)> effect) const {
    const ComponentColumns columns = columns_of(component);
    return {std::move(name), [=](WriteTxn& txn) { txn.upsert(columns, on_conflict); }, std::move(effect)};
  }

  // Every call that may write, and some that make buffered rows be written first.
  std::vector<Statement> calls() {
    std::vector<Statement> calls;
    calls.push_back(insert("insert", new_component(large_, "N1")));
    calls.push_back(insert("insert_without_drawing", new_component(std::nullopt, "N2")));
    calls.push_back(
        insert("insert_refused", {.id = row(large_, 3).id, .piece_mark = "N3", .created_at = kThen}));
    {
      const Component added = new_component(small_, "N4");
      calls.push_back({"insert_columns", [=, this](WriteTxn& txn) { txn.insert_columns(columns_of(added)); },
                       [=](Model& model) {
                         Component stored = added;
                         stored.location_x.reset();
                         stored.bounding_box.reset();
                         model.components[stored.id] = stored;
                       }});
    }
    Component same_key = row(large_, 9);
    same_key.id = new_id();
    same_key.material_type = "S355";
    const auto given_columns = [=, id = row(large_, 9).id](Model& model) {
      Component& stored = model.components.at(id);
      stored.material_type = "S355";
      stored.created_at = kThen;
      stored.updated_at = kThen;
    };
    const bool is_constrained =
        !has_instances() || GetParam().nulls_not_distinct || same_key.instance_identifier;
    if (is_constrained) {
      calls.push_back(upsert("upsert_fail", same_key, OnConflict::fail, [](Model&) {}));
      calls.push_back(upsert("upsert_skip", same_key, OnConflict::skip, [](Model&) {}));
      calls.push_back(upsert("upsert_update", same_key, OnConflict::update, given_columns));
      calls.push_back(upsert("upsert_newer", same_key, OnConflict::newer, [](Model&) {}));
    }
    const Component fresh = new_component(small_, "N5");
    calls.push_back(upsert("upsert_insert", fresh, OnConflict::update, [=](Model& model) {
      Component stored = fresh;
      stored.location_x.reset();
      stored.bounding_box.reset();
      model.components[stored.id] = stored;
    }));
    calls.push_back(update("update_value", row(large_, 20).id, {.quantity = 7},
                           [](Component& after) { after.quantity = 7; }));
    const std::string box = "[" + std::string(3000, '1') + "]";
    calls.push_back(update("update_to_larger", row(large_, 21).id, {.bounding_box = box},
                           [=](Component& after) { after.bounding_box = box; }));
    calls.push_back(update("update_mark", row(large_, 22).id, {.piece_mark = "N6"},
                           [](Component& after) { after.piece_mark = "N6"; }));
    calls.push_back(update("update_drawing", row(large_, 23).id, {.drawing_id = small_, .piece_mark = "N7"},
                           [this](Component& after) {
                             after.drawing_id = small_;
                             after.piece_mark = "N7";
                           }));
    calls.push_back(update("update_to_first_of_drawing", row(large_, 24).id, {.drawing_id = empty_},
                           [this](Component& after) { after.drawing_id = empty_; }));
    const Uuid other_id = new_id();
    calls.push_back(update("update_id", row(large_, 25).id, {.id = other_id},
                           [=](Component& after) { after.id = other_id; }));
    calls.push_back(update("update_id_and_drawing", row(large_, 26).id,
                           {.id = other_id, .drawing_id = std::nullopt, .piece_mark = "N8"},
                           [=](Component& after) {
                             after.id = other_id;
                             after.drawing_id.reset();
                             after.piece_mark = "N8";
                           }));
    calls.push_back({"update_refused", [id = row(large_, 27).id, taken = row(large_, 28).id](WriteTxn& txn) {
                       txn.update(id, {.id = taken});
                     }});
    calls.push_back(erase("erase", row(large_, 30).id));
    calls.push_back(erase("erase_last_of_drawing", row(single_, 0).id));
    calls.push_back(erase("erase_without_drawing", row(std::nullopt, 5).id));
    calls.push_back(erase("erase_missing", new_id()));
    calls.push_back(erase_drawing("erase_drawing", small_));
    calls.push_back(erase_drawing("erase_large_drawing", large_));
    calls.push_back(erase_drawing("erase_empty_drawing", empty_));
    const Drawing added{.id = new_id(), .name = "added"};
    calls.push_back({"insert_drawing", [=](WriteTxn& txn) { txn.insert_drawing(added); },
                     [=](Model& model) { model.drawings[added.id] = added; }});
    calls.push_back({"rename_drawing",
                     [this](WriteTxn& txn) { txn.update_drawing(large_, {.name = "renamed"}); },
                     [this](Model& model) { model.drawings.at(large_).name = "renamed"; }});
    calls.push_back({"update_id_of_drawing",
                     [=, this](WriteTxn& txn) { txn.update_drawing(empty_, {.id = added.id}); },
                     [=, this](Model& model) {
                       Drawing moved = model.drawings.at(empty_);
                       moved.id = added.id;
                       model.drawings.erase(empty_);
                       model.drawings[added.id] = moved;
                     }});
    calls.push_back(
        {"next_instance_identifier", [this](WriteTxn& txn) { txn.next_instance_identifier(large_, "G1"); }});
    calls.push_back({"get", [id = row(large_, 40).id](WriteTxn& txn) { txn.get(id); }});
    calls.push_back({"in_drawing", [this](WriteTxn& txn) { txn.in_drawing(small_); }});
    return calls;
  }

  // With the call under test between other statements. Where rows are buffered when it comes, it writes them first.
  std::vector<Statement> script(const Statement& call, bool has_buffered_rows) {
    std::vector<Statement> script{update("before: update", row(large_, 100).id, {.quantity = 3},
                                         [](Component& after) { after.quantity = 3; }),
                                  erase("before: erase", row(large_, 101).id)};
    if (has_buffered_rows) script.push_back(insert("before: insert", new_component(large_, "B1")));
    script.push_back(call);
    script.push_back(insert("after: insert", new_component(std::nullopt, "A1")));
    script.push_back(update("after: update", row(std::nullopt, 7).id, {.piece_mark = "A2"},
                            [](Component& after) { after.piece_mark = "A2"; }));
    script.push_back(erase("after: erase", row(std::nullopt, 8).id));
    script.push_back(insert("after: insert", new_component(std::nullopt, "A3")));
    return script;
  }

  // Performs the script and commits. `fault` is armed for the call under test, or for the commit.
  struct Obstacle {
    Fault fault{};
    std::uint64_t nth = 0;
    Duration duration{};
  };
  struct Outcome {
    Struck struck;
    bool call_threw = false;
    bool is_broken_by_call = false;
    bool is_committed = false;
    std::string report;  // empty where all is as it should be
  };
  Outcome run(const std::string& prepared, const std::vector<Statement>& script, std::size_t call,
              const std::optional<Obstacle>& obstacle, const Damage* damage) {
    const std::string work = folder_.path("work.pmk");
    fs::copy_file(prepared, work, fs::copy_options::overwrite_existing);
    Outcome outcome;
    Model model = base_;
    std::string thrown;
    std::exception_ptr refusal;
    {
      Store store = Store::open(work, kOpen);
      WriteTxn txn = store.write();
      const auto meet = [&](bool is_met, const std::function<void()>& work_to_do) {
        is_met = is_met && obstacle;
        if (is_met) arm(obstacle->fault, obstacle->nth, obstacle->duration);
        std::exception_ptr failure = failure_of(work_to_do);
        if (is_met) outcome.struck = disarm();
        return failure;
      };
      for (std::size_t i = 0; i < script.size(); ++i) {
        if (meet(i == call, [&] { script[i].perform(txn); })) {
          thrown += " '" + script[i].name + "'";
          if (i != call) continue;
          outcome.call_threw = true;
          outcome.is_broken_by_call = error_of([&] { txn.drawing_count(); }) == ErrorCode::invalid_use;
        } else {
          script[i].effect(model);
        }
      }
      refusal = meet(call == script.size(), [&] { txn.commit(); });
    }
    outcome.is_committed = !refusal;
    if (code_of(refusal) == ErrorCode::invalid_use && thrown.empty()) {
      outcome.report = "the commit was refused, but nothing had failed";
    }
    if (damage != nullptr) heal(work, *damage);
    const std::string should_be = (refusal ? base_ : model).dump();
    const std::string problem = difference(work, should_be);
    if (!problem.empty()) {
      outcome.report =
          "thrown:" + thrown + "; commit " + (refusal ? "refused" : "succeeded") + "; " + problem;
    }
    return outcome;
  }

  // Puts back what was damaged, unless it is gone.
  static void heal(const std::string& path, const Damage& damage) {
    const auto environment = engine::Environment::open(path, index::kTables, {.map_size_bytes = 1 << 28});
    engine::WriteTransaction transaction = environment->begin_write();
    const engine::Table table = index::table(*environment, damage.table);
    const auto stored = transaction.get(table, damage.key);
    if (!stored || *stored != damage.damaged) return;
    transaction.put(table, damage.key, damage.sound);
    transaction.commit();
  }

  static std::string difference(const std::string& path, const std::string& should_be) {
    try {
      const Store store = Store::open(path, kOpen);
      const Verification verification = verify(store.read());
      if (!verification.is_clean()) return "verify: " + verification.problems.front();
      const std::string is = dump(store);
      if (is == should_be) return {};
      const auto parting = std::mismatch(is.begin(), is.end(), should_be.begin(), should_be.end());
      const auto at = static_cast<std::size_t>(parting.first - is.begin());
      const std::size_t line = at == 0 ? 0 : is.rfind('\n', at - 1) + 1;
      return "the content differs\n  is        " + is.substr(line, 160) + "\n  should be " +
             should_be.substr(line, 160);
    } catch (const Error& error) {
      return error.what();
    }
  }

  void count(const Outcome& outcome, const std::string& what, Tally& tally) {
    ++tally.runs;
    tally.threw += outcome.call_threw ? 1 : 0;
    tally.committed_after_throw += outcome.call_threw && outcome.is_committed ? 1 : 0;
    tally.refused += outcome.is_committed ? 0 : 1;
    if (outcome.report.empty()) return;
    constexpr std::uint64_t kMostToTell = 3;
    if (++tally.failures <= kMostToTell) ADD_FAILURE() << what << ": " << outcome.report;
  }
  void report(const std::string& what, const Tally& tally) {
    std::printf("%s: runs %lu, calls that threw %lu, committed afterwards %lu, refused %lu, wrong %lu\n",
                what.c_str(), tally.runs, tally.threw, tally.committed_after_throw, tally.refused,
                tally.failures);
    report_torture(what + ", " + name_of(GetParam()), tally.runs,
                   std::to_string(tally.committed_after_throw) + " went on, " +
                       std::to_string(tally.refused) + " refused, " + std::to_string(tally.failures) +
                       " wrong");
    EXPECT_EQ(tally.failures, 0U) << "of " << tally.runs << " runs";
  }

  // Where bits are flipped: in every value once, and in large ones once every so many bytes.
  std::vector<Damage> all_damage() {
    constexpr std::size_t kBytesBetween = 48;
    std::vector<Damage> all;
    const auto environment =
        engine::Environment::open(prepared_, index::kTables, {.map_size_bytes = 1 << 28});
    const engine::ReadTransaction snapshot = environment->begin_read();
    for (std::size_t i = 0; i < index::kTables.size(); ++i) {
      const auto table = static_cast<index::TableId>(i);
      engine::Cursor cursor(snapshot, index::table(*environment, table));
      for (bool found = cursor.first(); found; found = cursor.next()) {
        if (cursor.key() == "stamp") continue;  // Without it nothing opens.
        const std::size_t points = cursor.value().size() / kBytesBetween + 1;
        for (std::size_t point = 0; point < points; ++point) {
          const std::size_t at = (point * kBytesBetween + random_() % kBytesBetween) % cursor.value().size();
          Damage damage{table, std::string(cursor.key()), std::string(cursor.value()),
                        std::string(cursor.value())};
          damage.damaged[at] = static_cast<char>(damage.damaged[at] ^ 1 << random_() % 8);
          all.push_back(std::move(damage));
        }
      }
    }
    return all;
  }

  TemporaryFolder folder_;
  std::string prepared_ = folder_.path("prepared.pmk");
  std::mt19937_64 random_{4711};
  Model base_;
  std::map<std::optional<Uuid>, std::vector<Uuid>> rows_;
  Uuid large_, small_, single_, empty_;
};

TEST_P(StatementsTest, ThatRunOutOfMemoryLeaveNoTrace) {
  const std::uint64_t most = tries("statements", runs_under_sanitizer() ? 10U : 60U);
  Tally tally;
  std::vector<Statement> calls = this->calls();
  for (const bool has_buffered_rows : {false, true}) {
    for (const Statement& call : calls) {
      const std::vector<Statement> script = this->script(call, has_buffered_rows);
      const std::size_t call_at = has_buffered_rows ? 3 : 2;
      for (const Duration duration : {Duration::once, Duration::from_then_on}) {
        const auto run_with = [&](std::uint64_t nth) {
          return run(prepared_, script, call_at, Obstacle{Fault::allocation, nth, duration}, nullptr);
        };
        run_with(0);  // Lets what is made once be made.
        const std::uint64_t allocations = run_with(0).struck.calls;
        const std::uint64_t stride = allocations / most + 1;
        for (std::uint64_t nth = 1; nth <= allocations; nth += stride) {
          count(run_with(nth),
                call.name + (has_buffered_rows ? " with buffered rows" : "") + ", allocation " +
                    std::to_string(nth) + " of " + std::to_string(allocations) + " " +
                    std::string(name_of(duration)),
                tally);
        }
      }
    }
  }
  report("statements: no memory", tally);
  EXPECT_GT(tally.threw, tally.runs / 2) << "allocations bypass the interposer";
  EXPECT_GT(tally.committed_after_throw, tally.runs / 5) << "hardly a transaction went on";
}

TEST_P(StatementsTest, CommitsThatRunOutOfMemoryAreWhollyDoneOrNot) {
  Tally tally;
  const std::vector<Statement> script = this->script(calls().front(), true);
  for (const Duration duration : {Duration::once, Duration::from_then_on}) {
    const auto run_with = [&](std::uint64_t nth) {
      return run(prepared_, script, script.size(), Obstacle{Fault::allocation, nth, duration}, nullptr);
    };
    run_with(0);
    const std::uint64_t allocations = run_with(0).struck.calls;
    for (std::uint64_t nth = 1; nth <= allocations; ++nth) {
      count(run_with(nth), "commit, allocation " + std::to_string(nth) + " " + std::string(name_of(duration)),
            tally);
    }
  }
  report("statements: no memory for the commit", tally);
  EXPECT_GT(tally.refused, 0U) << "allocations bypass the interposer";
}

TEST_P(StatementsTest, ThatMeetDamageLeaveNoTrace) {
  const std::uint64_t most = tries("statements_damage", runs_under_sanitizer() ? 20U : 120U);
  Tally tally;
  const std::vector<Damage> all = all_damage();
  const std::vector<Statement> calls = this->calls();
  const std::uint64_t stride = all.size() / most + 1;
  const std::string damaged = folder_.path("damaged.pmk");
  for (std::size_t i = 0; i < all.size(); i += stride) {
    const Damage& damage = all[i];
    fs::copy_file(prepared_, damaged, fs::copy_options::overwrite_existing);
    {
      const auto environment =
          engine::Environment::open(damaged, index::kTables, {.map_size_bytes = 1 << 28});
      engine::WriteTransaction transaction = environment->begin_write();
      transaction.put(index::table(*environment, damage.table), damage.key, damage.damaged);
      transaction.commit();
    }
    for (const Statement& call : calls) {
      const bool has_buffered_rows = (i / stride) % 4 == 0;
      Outcome outcome =
          run(damaged, script(call, has_buffered_rows), has_buffered_rows ? 3 : 2, std::nullopt, &damage);
      if (outcome.is_broken_by_call && !has_buffered_rows) outcome.report += " damage broke the transaction";
      count(outcome,
            call.name + ", damage in " +
                std::string(index::kTables.at(static_cast<std::size_t>(damage.table))) + " " +
                engine::to_hex(damage.key),
            tally);
    }
  }
  report("statements: damage", tally);
  EXPECT_GT(tally.threw, 0U) << "no damage was met";
  EXPECT_GT(tally.committed_after_throw, 0U) << "no transaction went on";
}

// Rows that come to an empty packed layout in random order: buffered, sorted, and written when one of them has a key that
// may be taken; the others are merged.
class RandomLoadTest : public ::testing::Test {
 protected:
  RandomLoadTest() {
    engine::Environment::create(folder_.path("empty.pmk"), index::kTables, [](engine::WriteTransaction&) {});
    std::mt19937_64 random(4711);
    for (unsigned i = 0; i < 60; ++i) {
      Component& row = rows_.emplace_back();
      for (auto& byte : row.id.bytes) byte = static_cast<std::uint8_t>(random());
      row.drawing_id = Uuid{};
      row.drawing_id->bytes[0] = static_cast<std::uint8_t>(random() % 4);
      row.piece_mark = "G" + std::to_string(i);
      row.instance_identifier = "1";
      if (i % 20 == 19) {  // Refused: the id, or the key, of another row.
        row.id = rows_[i - 7].id;
      } else if (i % 20 == 9) {
        row.drawing_id = rows_[i - 7].drawing_id;
        row.piece_mark = rows_[i - 7].piece_mark;
      }
    }
  }

  // Inserts the rows while an allocation fails, and commits. What is wrong then; empty if nothing is.
  std::string run(std::uint64_t nth, Duration duration, Tally& tally, Struck& struck) {
    const std::string work = folder_.path("work.pmk");
    fs::copy_file(folder_.path("empty.pmk"), work, fs::copy_options::overwrite_existing);
    const auto environment = engine::Environment::open(work, index::kTables, {.map_size_bytes = 1 << 28});
    const index::PackedLayout layout(false, index::table(*environment, index::TableId::blocks_3),
                                     index::table(*environment, index::TableId::ids_3), {}, 1);
    std::map<Uuid, const Component*> taken;
    std::exception_ptr refusal;
    bool has_thrown = false;
    {
      engine::WriteTransaction transaction = environment->begin_write();
      const auto writer = layout.writer(transaction);
      std::vector<bool> is_taken(rows_.size());
      arm(Fault::allocation, nth, duration);
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        has_thrown |= failure_of([&] { is_taken[i] = !writer->insert(row_of(rows_[i])); }) != nullptr;
      }
      struck = disarm();
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (is_taken[i]) taken[rows_[i].id] = &rows_[i];
      }
      refusal = failure_of([&] {
        writer->flush();
        transaction.commit();
      });
    }
    ++tally.runs;
    tally.threw += has_thrown ? 1U : 0U;
    tally.committed_after_throw += has_thrown && !refusal ? 1U : 0U;
    tally.refused += refusal ? 1U : 0U;
    if (refusal && !has_thrown) return "the commit was refused, but nothing had failed";
    if (refusal) taken.clear();
    const engine::ReadTransaction snapshot = environment->begin_read();
    std::string problem;
    std::size_t found = 0;
    layout.verify(
        snapshot,
        [&](const ComponentRow& row) {
          const auto wanted = taken.find(row.id);
          if (wanted == taken.end() || to_component(row) != *wanted->second) problem = "another row";
          ++found;
        },
        [&](const std::string& what) { problem = what; });
    if (found != taken.size()) {
      problem += " " + std::to_string(found) + " rows instead of " + std::to_string(taken.size());
    }
    return problem;
  }

  TemporaryFolder folder_;
  std::vector<Component> rows_;
};

TEST_F(RandomLoadTest, ThatRunsOutOfMemoryLosesNoRowThatWasTaken) {
  const std::uint64_t most = tries("statements_random_load", runs_under_sanitizer() ? 40U : 200U);
  Tally tally;
  for (const Duration duration : {Duration::once, Duration::from_then_on}) {
    Struck struck;
    run(0, duration, tally, struck);
    EXPECT_EQ(run(0, duration, tally, struck), "");
    const std::uint64_t allocations = struck.calls;
    for (std::uint64_t nth = 1; nth <= allocations; nth += allocations / most + 1) {
      const std::string problem = run(nth, duration, tally, struck);
      EXPECT_EQ(problem, "") << "allocation " << nth << " of " << allocations << " " << name_of(duration);
    }
  }
  std::printf("runs %lu, threw %lu, committed afterwards %lu, refused %lu\n", tally.runs, tally.threw,
              tally.committed_after_throw, tally.refused);
  EXPECT_GT(tally.committed_after_throw, 0U) << "no load went on";
  EXPECT_GT(tally.refused, 0U) << "no load was broken";
}

INSTANTIATE_TEST_SUITE_P(All, StatementsTest,
                         ::testing::Values(Kind{1, false}, Kind{1, true}, Kind{2, false}, Kind{2, true},
                                           Kind{3, false}, Kind{3, true}),
                         [](const auto& kind) { return name_of(kind.param); });

}  // namespace
}  // namespace piecemark::testing
