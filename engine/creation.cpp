#include "creation.h"

#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "environment.h"
#include "lmdb_error.h"
#include "lock_file.h"
#include "map_size.h"
#include "open_files.h"
#include "page_check.h"
#include "rooms.h"

namespace piecemark::engine {
namespace {

// A copy of a file that nobody may write is still its owner's to write.
constexpr std::uint32_t kOwnerWrites = 0600;

}  // namespace

// Nobody else knows the file by name, which is why the files of the process need not know it, and why it gets no lock file,
// which would need room of its own.
std::shared_ptr<Environment> Creation::open(const EnvironmentOptions& options) const {
  auto rooms = std::make_unique<Environment::Rooms>(file_.temporary(), options);
  try {
    rooms->map.open(
        file_.temporary(),
        {.read_only = options.read_only, .without_lock_file = true, .size_bytes = options.map_size_bytes});
  } catch (const Error& error) {
    Error::Facts facts = error.facts();
    facts.attempted = "cannot create '" + file_.temporary() + "'";
    throw Error(error.code(), std::move(facts));
  }
  return std::shared_ptr<Environment>(new Environment(std::move(rooms)));
}

// Two small commits come first, so that free pages are there that are older than the last commit. LMDB lets a transaction
// use the pages again that it has itself freed only if it has found some; else each block that the first large transaction
// rewrites under another key makes the file grow. None of them waits for the disk: the whole file is waited for at the end.
void Creation::write(const Environment::Fill& fill) const {
  const auto environment =
      open({.map_size_bytes = std::max(options_.map_size_bytes, options_.expected_bytes)});
  Environment::Rooms& rooms = *environment->rooms_;
  mdb_env_set_flags(rooms.map.handle(), MDB_NOSYNC, 1);
  rooms.tables.name(tables_);
  const auto commit = [&](const Environment::Fill& write) {
    Map::Visit visit(rooms.map);
    MDB_txn* const handle = rooms.map.begin(0, "create");
    visit.stay();
    WriteTransaction transaction(environment, handle, {}, WriterHold::nothing);
    write(transaction);
    transaction.commit();
  };
  commit([](WriteTransaction& transaction) { transaction.create_missing_tables(); });
  if (options_.notes_table) rooms.notes.set_table(rooms.tables.table(*options_.notes_table));
  commit([&](WriteTransaction& transaction) { transaction.clear(environment->table(0)); });
  commit(fill);
}

void Creation::read_back() const {
  if (const auto damage = engine::check_pages(file_.file())) {
    throw Error(ErrorCode::io_error,
                {"cannot create '" + file_.temporary() + "'",
                 "page " + std::to_string(damage->page) + " is not what was written: " + damage->reason,
                 {},
                 "check the disk, the memory and the system log, then try again"});
  }
  // As large as the file is, that is: nothing is added to it.
  const auto environment = open({.read_only = true, .map_size_bytes = kMapSizeMin});
  Environment::Rooms& rooms = *environment->rooms_;
  {
    const Map::Visit visit(rooms.map);
    rooms.tables.open(tables_, tables_.size());
  }
  const ReadTransaction transaction = environment->begin_read();
  options_.check(transaction);
}

void Creation::complete(const Environment::Fill& fill) const {
  write(fill);
  if (auto error = os::sync_file(file_.temporary()))
    throw_system_error(error, "cannot create '" + file_.temporary() + "'", file_.temporary());
  if (options_.check) read_back();
}

namespace {

// A file of this name that is gone may have left it, or some process may still have that file open by it.
void require_removable_lock_file(const std::string& path, const std::string& attempted) {
  os::FileFacts facts;
  const bool is_ours =
      !os::facts_of_link(lock_file_of(path), facts) && OpenFiles::of_process().uses_lock_file(facts.id);
  if (!is_ours) require_own_lock_file(path, attempted);
}

}  // namespace

void Environment::create(const std::string& path, std::span<const std::string_view> tables, const Fill& fill,
                         const CreationOptions& options) {
  const std::string attempted = "cannot create '" + path + "'";
  const Error name_is_taken(
      ErrorCode::file_exists,
      {attempted, "a file of that name", {}, "choose another name, or remove the file"});
  os::FileFacts facts;
  if (!os::facts_of_link(path, facts)) throw name_is_taken;
  require_removable_lock_file(path, attempted);

  // Made now: once the file has its name, nothing may throw that is no failure of it.
  const std::string folder = os::folder_of(path);
  std::optional<FileOwner> owner = options.owner;
  if (owner) owner->permissions |= kOwnerWrites;
  FileInCreation file(path, attempted, owner);
  try {
    Creation(file, tables, options).complete(fill);
    if (auto error = file.take_name()) {
      if (error == std::errc::file_exists) throw name_is_taken;
      throw_system_error(error, attempted, path);
    }
    // Nobody can have opened the new file yet: its gate is closed.
    require_removable_lock_file(path, attempted);
    if (auto error = os::remove_if_there(lock_file_of(path)))
      throw_system_error(error, attempted, lock_file_of(path));
    if (auto error = os::sync_folder(folder)) throw_system_error(error, attempted, path);
  } catch (const Error& error) {
    if (!file.is_named_in(error)) throw;
    throw file.renamed(error);
  }
  file.keep();
}

}  // namespace piecemark::engine
