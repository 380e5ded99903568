// How a file gives place to a new one under the same name, while other processes have it open.
//
// Two names must change hands, that of the data file and that of its lock file, and nothing can do that at once. So:
//
//   1. The one who replaces has the writer's turn in the old file throughout, and a lock on the new one until the end.
//   2. The new file is complete and durable under a temporary name.
//   3. A note of it is committed to the old file. Readers who find it look whether the path still leads to their file, at
//      each transaction. Should the path never change, the next commit takes the note away.
//   4. The new file gets a second name, and that one is renamed to the path. Two names mean: not finished. Who opens the
//      file now waits for the lock on it.
//   5. The folder is made durable, the old lock file loses its name (who has the old file open keeps it), and the
//      temporary name is removed.
//
// Whoever is killed before 4 leaves the old file, and a file in creation that nobody holds. Whoever is killed later leaves
// the new one, with two names and with no lock: the first to open it does step 5 before LMDB can meet the lock file of
// the old one.
//
// A writer looks, when it has the turn, whether the path still leads to its file. Nobody can commit to the old file after
// step 3.
#include <lmdb.h>

#include "environment.h"
#include "file_in_creation.h"
#include "lmdb_error.h"
#include "lock_file.h"
#include "record.h"

namespace piecemark::engine {
namespace {

// As many bytes as the old file has are plenty for what it holds, written in order; and some for a file of few pages.
constexpr unsigned kRoomTimes = 2;

// Another name, in the same folder, that only a replacement has given to the file.
std::optional<std::string> temporary_name_of(const os::FileId& id, const std::string& path) {
  const std::string folder = os::folder_of(path) + "/";
  for (const std::string& name : os::neighbours_of(path)) {
    os::FileFacts facts;
    if (is_name_in_creation(name, path) && !os::facts_of_link(folder + name, facts) && facts.id == id)
      return folder + name;
  }
  return std::nullopt;
}

// Step 5. May be done more than once.
std::error_code finish(const std::string& path, const std::string& temporary) {
  if (auto error = os::sync_folder(os::folder_of(path))) return error;
  if (auto error = os::remove_if_there(lock_file_of(path))) return error;
  return os::remove_if_there(temporary);
}

bool is_denied(std::error_code error) {
  return error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
         error == std::errc::read_only_file_system;
}

void require_removable(const std::string& path, const std::string& attempted) {
  for (const std::string& name : {path, lock_file_of(path)}) {
    if (os::can_replace(name)) continue;
    throw Error(ErrorCode::permission_denied,
                {attempted, "'" + name + "' may not be replaced", {}, "ask its owner to do it"});
  }
}

void require_owner(const FileOwner& owner, const os::File& file, const std::string& attempted) {
  os::FileFacts given;
  if (!os::facts_of(file, given) && given.owner == owner.owner && given.group == owner.group) return;
  throw Error(ErrorCode::permission_denied,
              {attempted, "owner and group would not stay the same", {}, "ask the owner to do it"});
}

}  // namespace

void Environment::replace(const Fill& fill, const Check& check, std::uint32_t busy_timeout_ms) {
  const std::string attempted = "cannot compact '" + path_ + "'";
  require_opened_for_writing();
  take_turn(busy_timeout_ms, {});
  struct Turn {
    Environment* environment;
    ~Turn() { environment->turn_.release(environment->file_); }
  } const turn{this};

  require_removable(path_, attempted);
  std::vector<std::string_view> names;
  for (const NamedTable& table : tables_) names.emplace_back(table.name);
  CreationOptions options = options_for_copy(kRoomTimes);
  options.check = check;
  FileInCreation file(path_, attempted, options.owner);
  try {
    require_owner(*options.owner, file.file(), attempted);
    complete_new_file(file, names, fill, options);
    note_replacement();
  } catch (const Error& error) {
    Error::Facts facts = file.renamed(error).facts();
    facts.attempted = attempted;
    throw Error(error.code(), std::move(facts));
  }
  give_place_to(file, attempted);
}

void Environment::note_replacement() {
  const Table notes = table(options_.notes_table.value());
  grow_map_if_needed();
  enter();
  MDB_txn* handle = nullptr;
  try {
    handle = begin_writing();
  } catch (...) {
    leave();
    throw;
  }
  WriteTransaction transaction(shared_from_this(), handle, false);
  std::string record;
  encode_record({notes.name, kReplacedKey}, Timestamp::now(), kReplacedVersion, record);
  transaction.put(notes, kReplacedKey, record);
  transaction.commit_as_it_is(Durability::full);
}

void Environment::give_place_to(FileInCreation& file, const std::string& attempted) {
  const std::string second = new_temporary_name(path_);
  if (auto error = os::add_name(file.temporary(), second)) {
    if (error != std::errc::operation_not_permitted) throw_system_error(error, attempted, path_);
    throw Error(ErrorCode::unsupported_platform,
                {attempted, "a file system without hard links", "file systems that have them",
                 "make a backup, which is compact, and use that instead"});
  }
  if (auto error = os::rename_replacing(second, path_)) {
    os::remove_quietly(second);
    throw_system_error(error, attempted, path_);
  }
  file.keep();
  is_replaced_ = true;
  if (auto error = finish(path_, file.temporary()))
    throw_system_error(error, "cannot finish the compaction of '" + path_ + "'", path_);
}

void Environment::throw_replaced(const char* attempted) {
  is_replaced_ = true;
  throw Error(ErrorCode::reopen_needed, {std::string("cannot ") + attempted + " '" + path_ + "'",
                                         "the file was compacted: another one has its name now",
                                         {},
                                         "close the store and open it again"});
}

bool Environment::is_at_its_path() const {
  os::FileFacts facts;
  return !os::facts_of(path_, facts) && facts.id == file_id_;
}

// The file has several names: where one of them is that of a replacement, waits until that is finished, or finishes it.
void Environment::await_replacement() {
  if (poll_until(deadline_in(options_.busy_timeout_ms), [&] { return try_finish_replacement(); })) return;
  throw Error(ErrorCode::busy, {"cannot open '" + path_ + "'",
                                os::lock_holder(file_id_) + " is compacting it",
                                {},
                                "try again later"});
}

// False while somebody else is at it.
bool Environment::try_finish_replacement() {
  const auto names = [&] {
    os::FileFacts facts;
    os::facts_of(file_, facts);
    return facts.names;
  };
  const auto temporary = temporary_name_of(file_id_, path_);
  if (names() == 1) return true;
  if (!temporary) {
    throw Error(ErrorCode::unsafe_lock_file,
                {"cannot open '" + path_ + "'",
                 "a file with " + std::to_string(names()) +
                     " names (hard links), each of which would have a lock file of its own",
                 {},
                 "make a copy of the file, or remove its other names"});
  }
  if (!os::try_lock(file_, os::LockMode::exclusive)) return false;
  const std::error_code error = names() == 1 ? std::error_code() : finish(path_, *temporary);
  os::unlock(file_);
  // Whoever may not touch the folder reads without the lock file, whose it may be.
  if (is_denied(error) && options_.read_only) {
    reads_without_lock_file_ = true;
  } else if (error) {
    throw_system_error(error, "cannot finish the compaction of '" + path_ + "'", path_);
  }
  return true;
}

}  // namespace piecemark::engine
