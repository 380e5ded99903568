#include "laboratory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <ostream>
#include <string_view>

#include "api/text/import.h"
#include "piecemark/migration.h"
#include "piecemark/salvage.h"
#include "tests/support/store_state.h"

namespace piecemark::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockSuffix = "-lock";
const OpenOptions kOpen{.write_older_format = true, .map_size_bytes = 1 << 28};

std::string site_in(const std::string& folder) {
  return folder + "/" + kSite;
}

std::string state_of_file(const fs::path& path) {
  try {
    return state_of_store(Store::open(path.string(), kOpen));
  } catch (const Error& error) {
    return error.what();
  }
}

// "done", or what went wrong.
std::string name_of(const std::exception_ptr& failure) {
  if (!failure) return "done";
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return std::string(name_of(error.code()));
  } catch (const std::bad_alloc&) {
    return "bad_alloc";
  } catch (const std::exception& error) {
    return std::string("neither Error nor bad_alloc: ") + error.what();
  }
}

bool is_expected(const std::string& reported) {
  return !reported.starts_with("neither");
}

// Where two states part; whole states are too long to print.
std::string difference(const FolderState& is, const FolderState& should_be) {
  for (const auto& [file, text] : is) {
    const auto other = should_be.find(file);
    if (other == should_be.end()) return "there should be no " + file;
    if (other->second == text) continue;
    const auto parting = std::mismatch(text.begin(), text.end(), other->second.begin(), other->second.end());
    const auto at = static_cast<std::size_t>(parting.first - text.begin());
    const std::size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return file + "\n  is        " + text.substr(line, 200) + "\n  should be " +
           other->second.substr(line, 200);
  }
  return is.size() < should_be.size() ? "a file is missing" : "none";
}

void expect_state(const FolderState& is, const FolderState& should_be, const char* when) {
  EXPECT_TRUE(is == should_be) << when << ": " << difference(is, should_be);
}

// What a copy of the folder's stores holds: the page cache as a killed process would leave it.
FolderState state_of_copy(const std::string& folder) {
  const TemporaryFolder copy;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.path().string().ends_with(kLockSuffix))
      fs::copy_file(entry.path(), copy.path(entry.path().filename().string()));
  }
  return state_of(copy.path(""));
}

void start_afresh(const Operation& operation, const std::string& folder) {
  fs::remove_all(folder);
  fs::create_directory(folder);
  fs::copy_file(operation.prepared, site_in(folder));
}

// A store that went through an obstacle still reads, or asks to be opened again; false for the latter.
bool is_usable(const Store& store, const FolderState& state) {
  try {
    EXPECT_TRUE(state_of_store(store) == state.at(kSite)) << "the open store and its file differ";
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::reopen_needed) << error.what();
    return false;
  }
}

// What the operation throws. Allocates nothing: it may run while allocations fail.
std::exception_ptr failure_of(const Operation& operation, Store& store, const std::string& folder) {
  try {
    operation.perform(store, folder);
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

void migrate_or_stash(Store& store, std::uint32_t format) {
  migrate(store, format, {.on_loss = OnLoss::stash});
}

Operation migration_between(std::uint32_t from, std::uint32_t to, const std::string& prepared) {
  return rehearsed({.name = from < to ? "upgrade" : "downgrade",
                    .prepared = prepared,
                    .perform = [to](Store& store, const std::string&) { migrate_or_stash(store, to); },
                    .undo = [from](Store& store, const std::string&) { migrate_or_stash(store, from); }});
}

// A store with marks of several instances, of one, and of none.
void fill(Store& store, const Size& size) {
  constexpr unsigned kInstances = 4;
  WriteTxn transaction = store.write();
  for (unsigned i = 0; i < size.drawings; ++i) {
    const Uuid drawing = transaction.insert_drawing({.name = "S-" + std::to_string(100 + i)});
    for (unsigned row = 0; row < size.rows_per_drawing; ++row) {
      Component component{.drawing_id = drawing,
                          .piece_mark = "G" + std::to_string(row / kInstances),
                          .material_type = "A992",
                          .location_x = 1.5 * row,
                          .bounding_box = R"({"x":[1,2]})"};
      if (row % kInstances != 0) component.instance_identifier = std::to_string(row % kInstances);
      transaction.insert(component);
    }
  }
  transaction.commit();
}

std::string prepare(const std::string& path, const Size& size, std::initializer_list<std::uint32_t> formats) {
  Store store = Store::create(path, {}, kOpen);
  fill(store, size);
  for (const std::uint32_t format : formats) migrate_or_stash(store, format);
  return path;
}

}  // namespace

FolderState state_of(const std::string& folder) {
  FolderState state;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kLockSuffix)) {
      state[name] = state_of_file(entry.path());
    } else if (const std::string path = entry.path().string();
               !fs::exists(path.substr(0, path.size() - kLockSuffix.size()))) {
      state[name] = "a lock file without its store";
    }
  }
  return state;
}

Operation rehearsed(Operation operation) {
  const TemporaryFolder temporary;
  const std::string folder = temporary.path("work");
  start_afresh(operation, folder);
  operation.old_state = state_of(folder);
  {
    Store store = Store::open(site_in(folder), kOpen);
    operation.old_content = dump(store);
    operation.perform(store, folder);
  }
  operation.new_state = state_of(folder);
  EXPECT_TRUE(operation.old_state != operation.new_state) << operation.name << " does nothing";
  return operation;
}

Operation upgrade(const TemporaryFolder& folder, const Size& size) {
  return migration_between(1, 2, prepare(folder.path("prepared.pmk"), size, {1}));
}

Operation first_downgrade(const TemporaryFolder& folder, const Size& size) {
  return migration_between(2, 1, prepare(folder.path("prepared.pmk"), size, {}));
}

Operation downgrade(const TemporaryFolder& folder, const Size& size) {
  return migration_between(2, 1, prepare(folder.path("prepared.pmk"), size, {1, 2}));
}

constexpr const char* kNewFile = "/new.pmk";

Operation upgrade_into(const TemporaryFolder& folder, const Size& size) {
  return rehearsed(
      {.name = "upgrade_into",
       .prepared = prepare(folder.path("prepared.pmk"), size, {1}),
       .perform = [](Store& store, const std::string& work) { migrate_into(work + kNewFile, store, 2); },
       .undo = [](Store&, const std::string& work) { fs::remove(work + kNewFile); }});
}

Operation creation(const TemporaryFolder& folder, const Size& size) {
  return rehearsed({.name = "creation",
                    .prepared = prepare(folder.path("prepared.pmk"), size, {}),
                    .perform = [](Store&, const std::string& work) { Store::create(work + kNewFile); },
                    .undo = [](Store&, const std::string& work) { fs::remove(work + kNewFile); },
                    .goes_on_afterwards = true});  // opens the store
}

Operation changes(const TemporaryFolder& folder, const Size& size) {
  const std::string prepared = prepare(folder.path("prepared.pmk"), size, {});
  const Uuid added = Uuid::generate();
  Store store = Store::open(prepared, kOpen);
  const ReadTxn snapshot = store.read();
  std::vector<Component> rows;
  for (const ComponentView& row : snapshot.scan()) rows.push_back(row.to_component());
  rows.resize(9);
  const Component inserted{
      .drawing_id = added, .piece_mark = "H1", .bounding_box = "[" + std::string(9000, '1') + "]"};
  const auto perform = [=](Store& changed, const std::string&) {
    WriteTxn txn = changed.write();
    txn.insert_drawing({.id = added, .name = "added"});
    txn.insert(inserted);
    for (unsigned i = 0; i < 4; ++i) {
      txn.update(rows[i].id, {.material_type = "S355", .updated_at = inserted.updated_at});
      txn.erase(rows[4 + i].id);
    }
    txn.update(rows[8].id, {.drawing_id = added, .updated_at = inserted.updated_at});
    txn.commit();
  };
  const auto undo = [=](Store& changed, const std::string&) {
    WriteTxn txn = changed.write();
    for (const Component& row : rows) {
      txn.erase(row.id);
      txn.insert(row);
    }
    txn.erase_drawing(added);
    txn.commit();
  };
  return rehearsed({.name = "changes", .prepared = prepared, .perform = perform, .undo = undo});
}

Operation text_import(const TemporaryFolder& folder, const Size& size) {
  const Uuid drawing = Uuid::generate();
  std::string rows;
  for (unsigned i = 0; i < size.rows_per_drawing; ++i) {
    rows += R"({"id":")" + Uuid::generate().to_string() + R"(","drawing_id":")" + drawing.to_string() +
            R"(","piece_mark":"P)" + std::to_string(i) + R"(","created_at":null,"updated_at":null})" + "\n";
  }
  const std::string drawings_file =
      folder.write("drawings.ndjson", R"({"id":")" + drawing.to_string() + "\"}\n");
  const std::string rows_file = folder.write("rows.ndjson", rows);
  const auto perform = [=](Store& store, const std::string&) {
    text::Importer({.drawings = text::TextSource{drawings_file, text::TextFormat::ndjson},
                    .components = text::TextSource{rows_file, text::TextFormat::ndjson}})
        .run(store);
  };
  const auto undo = [=](Store& store, const std::string&) {
    WriteTxn txn = store.write();
    txn.erase_drawing(drawing);
    txn.commit();
  };
  return rehearsed({.name = "text_import",
                    .prepared = prepare(folder.path("prepared.pmk"), size, {}),
                    .perform = perform,
                    .undo = undo});
}

Operation salvage_into(const TemporaryFolder& folder, const Size& size) {
  return rehearsed(
      {.name = "salvage_into",
       .prepared = prepare(folder.path("prepared.pmk"), size, {1}),
       .perform = [](Store& store, const std::string& work) { salvage(store.path(), work + kNewFile); },
       .undo = [](Store&, const std::string& work) { fs::remove(work + kNewFile); }});
}

Operation backup(const TemporaryFolder& folder, const Size& size) {
  return rehearsed({.name = "backup",
                    .prepared = prepare(folder.path("prepared.pmk"), size, {1, 3}),
                    .perform = [](Store& store, const std::string& work) { store.backup(work + kNewFile); },
                    .undo = [](Store&, const std::string& work) { fs::remove(work + kNewFile); }});
}

void PrintTo(const NamedOperation& operation, std::ostream* out) {
  *out << operation.name;
}

Outcome attempt(const Operation& operation, const std::string& folder, const Obstacle& obstacle) {
  start_afresh(operation, folder);
  std::optional<Store> store = Store::open(site_in(folder), kOpen);

  obstacle.raise();
  const std::exception_ptr failure = failure_of(operation, *store, folder);
  obstacle.remove();

  const FolderState state = state_of_copy(folder);
  const Outcome outcome{name_of(failure), state == operation.new_state};
  EXPECT_TRUE(is_expected(outcome.reported)) << outcome.reported;
  const bool must_be_new = outcome.is_new || outcome.reported == "done";
  expect_state(state, must_be_new ? operation.new_state : operation.old_state, "after the obstacle");

  const auto reopen = [&] {
    store.reset();
    store = Store::open(site_in(folder), kOpen);
  };
  if (!is_usable(*store, state)) reopen();
  if (!outcome.is_new) {
    EXPECT_EQ(name_of(failure_of(operation, *store, folder)), "done") << "on the next attempt";
  }
  reopen();
  expect_state(state_of(folder), operation.new_state, "after the next attempt");
  operation.undo(*store, folder);
  EXPECT_TRUE(dump(*store) == operation.old_content) << "the way back lost or changed something";
  return outcome;
}

}  // namespace piecemark::testing
