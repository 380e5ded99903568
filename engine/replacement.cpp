#include "replacement.h"

#include <lmdb.h>

#include "creation.h"
#include "environment.h"
#include "file_in_creation.h"
#include "lmdb_error.h"
#include "lock_file.h"
#include "rooms.h"
#include "transactions.h"

namespace piecemark::engine {
namespace {

// As many bytes as the old file has are plenty for what it holds, written in order; and some for a file of few pages.
constexpr unsigned kRoomTimes = 2;

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

bool is_being_replaced(const os::FileId& id, const std::string& path) {
  return temporary_name_of(id, path).has_value();
}

bool finish_replacement(const std::string& path, const os::FileId& id, Deadline deadline) {
  os::File file;
  const auto open = [&](os::File& opened) { return os::open_file(path, os::Access::read_write, opened); };
  if (os::open_to_lock(file, open)) return false;
  FileLocks locks(file.descriptor(), path);
  if (!locks.acquire(FileLock::gate, os::LockMode::exclusive, deadline)) return false;
  const auto temporary = temporary_name_of(id, path);
  if (!temporary) return os::names_of(file) == 1;
  const std::error_code error = finish(path, *temporary);
  if (is_denied(error)) return false;
  if (error) throw_system_error(error, "cannot finish the compaction of '" + path + "'", path);
  return os::names_of(file) == 1;
}

// Takes the place of the file of an environment.
class Replacement {
 public:
  Replacement(Environment& environment, std::string attempted)
      : environment_(environment), rooms_(*environment.rooms_), attempted_(std::move(attempted)) {}

  // The caller holds the write lock.
  void perform(const Environment::Fill& fill, const Environment::Check& check);

 private:
  void commit_note();
  void give_place_to(FileInCreation& file);

  Environment& environment_;
  Environment::Rooms& rooms_;
  std::string attempted_;
};

void Environment::replace(const Fill& fill, const Check& check, std::uint32_t busy_timeout_ms) {
  rooms_->require_opened_for_writing();
  rooms_->write_lock->acquire(busy_timeout_ms);
  struct Release {
    WriteLock* lock;
    ~Release() { lock->release(); }
  } const release{&*rooms_->write_lock};
  require_own_path();
  Replacement(*this, "cannot compact '" + rooms_->path() + "'").perform(fill, check);
}

void Replacement::perform(const Environment::Fill& fill, const Environment::Check& check) {
  const std::string& path = rooms_.path();
  require_removable(path, attempted_);
  const std::vector<std::string_view> names = rooms_.tables.names();
  CreationOptions options = environment_.options_for_copy(kRoomTimes);
  options.check = check;
  FileInCreation file(path, attempted_, options.owner);
  try {
    require_owner(*options.owner, file.file(), attempted_);
    Creation(file, names, options).complete(fill);
    commit_note();
  } catch (const Error& error) {
    Error::Facts facts = file.renamed(error).facts();
    facts.attempted = attempted_;
    throw Error(error.code(), std::move(facts));
  }
  give_place_to(file);
}

void Replacement::commit_note() {
  rooms_.map.grow_if_needed();
  Map::Visit visit(rooms_.map);
  MDB_txn* const handle = Transactions(rooms_).begin_writing();
  visit.stay();
  WriteTransaction transaction(environment_.shared_from_this(), handle,
                               rooms_.guard.anchor_of(handle, mdb_txn_id(handle) - 1), WriterHold::thread);
  const auto mark = rooms_.notes.write(transaction, std::nullopt);
  rooms_.notes.note_replacement(transaction);
  transaction.finish(Durability::full, mark);
}

void Replacement::give_place_to(FileInCreation& file) {
  const std::string& path = rooms_.path();
  const std::string second = new_temporary_name(path);
  if (auto error = os::add_name(file.temporary(), second)) {
    if (error != std::errc::operation_not_permitted) throw_system_error(error, attempted_, path);
    throw Error(ErrorCode::unsupported_platform,
                {attempted_, "a file system without hard links", "file systems that have them",
                 "make a backup, which is compact, and use that instead"});
  }
  if (auto error = os::rename_replacing(second, path)) {
    os::remove_quietly(second);
    throw_system_error(error, attempted_, path);
  }
  file.keep();
  rooms_.is_replaced = true;
  if (auto error = finish(path, file.temporary()))
    throw_system_error(error, "cannot finish the compaction of '" + path + "'", path);
}

}  // namespace piecemark::engine
