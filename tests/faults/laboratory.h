// An operation on a store - a migration, a commit, a creation, a backup - that meets an obstacle, and what must hold whatever
// the obstacle is: the file is wholly in the old or wholly in the new state, what was reported as done is there, and the
// next attempt succeeds.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>

#include "piecemark/store.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {

// By the name of each file: all that can be known of it. Lock files count only where their store is missing.
using FolderState = std::map<std::string, std::string>;
FolderState state_of(const std::string& folder);

// Something that must happen wholly or not at all to the store `kSite` of a folder.
struct Operation {
  std::string name;
  std::string prepared;  // the store to begin with
  std::function<void(Store& store, const std::string& folder)> perform;
  std::function<void(Store& store, const std::string& folder)> undo;  // gives the old content back
  bool goes_on_afterwards = false;  // may fail once it is done, at what it does then
  FolderState old_state;
  FolderState new_state;
  std::string old_content;  // of the store: drawings and components
};
inline constexpr const char* kSite = "site.pmk";

// Lets the operation run once, so that its states are known.
Operation rehearsed(Operation operation);

// Migrations of a new store, and of one that has been through others before: pages are free for reuse, identifiers and
// rows wait in the stash, receipts lie there. The folder keeps the prepared files. All drawings have the same number
// of rows.
struct Size {
  unsigned drawings = 5;
  unsigned rows_per_drawing = 40;
};
Operation upgrade(const TemporaryFolder& folder, const Size& size);
Operation first_downgrade(const TemporaryFolder& folder, const Size& size);
Operation downgrade(const TemporaryFolder& folder, const Size& size);
Operation upgrade_into(const TemporaryFolder& folder, const Size& size);  // a new file beside the old one
Operation backup(const TemporaryFolder& folder, const Size& size);        // the same, of the same format
// A new empty store beside one.
Operation creation(const TemporaryFolder& folder, const Size& size);
// One transaction that inserts, updates and deletes components and drawings.
Operation changes(const TemporaryFolder& folder, const Size& size);
// Rows for a drawing of their own, from text.
Operation text_import(const TemporaryFolder& folder, const Size& size);
// A new file with what can be read of the store, which is all.
Operation salvage_into(const TemporaryFolder& folder, const Size& size);

// What a test is instantiated with.
struct NamedOperation {
  const char* name;
  Operation (*make)(const TemporaryFolder& folder, const Size& size);
};
inline constexpr NamedOperation kUpgrade{"upgrade", upgrade};
inline constexpr NamedOperation kFirstDowngrade{"first_downgrade", first_downgrade};
inline constexpr NamedOperation kDowngrade{"downgrade", downgrade};
inline constexpr NamedOperation kUpgradeInto{"upgrade_into", upgrade_into};
inline constexpr NamedOperation kBackup{"backup", backup};
inline constexpr NamedOperation kCreation{"creation", creation};
inline constexpr NamedOperation kChanges{"changes", changes};
inline constexpr NamedOperation kTextImport{"text_import", text_import};
inline constexpr NamedOperation kSalvageInto{"salvage_into", salvage_into};
void PrintTo(const NamedOperation& operation, std::ostream* out);  // for messages of GoogleTest

// What stands in the way of the operation, and of nothing else.
struct Obstacle {
  std::function<void()> raise;
  std::function<void()> remove;
};

struct Outcome {
  std::string reported;  // "done", the name of an error code, or of another exception
  bool is_new = false;   // the state that the folder was left in
};

// Performs the operation in the folder, whose content it replaces, against the obstacle; then, without the obstacle,
// once more unless it is done, and back. Everything that does not hold is a failure of the current test.
Outcome attempt(const Operation& operation, const std::string& folder, const Obstacle& obstacle);

}  // namespace piecemark::testing
