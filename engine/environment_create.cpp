// How a file comes to be: under a temporary name, which it changes for its own once it is complete and durable.
#include <lmdb.h>

#include "environment.h"
#include "lmdb_error.h"
#include "lock_file.h"
#include "piecemark/uuid.h"

namespace piecemark::engine {
namespace {

constexpr std::string_view kNewInfix = ".new-";

// The error as it concerns the file that is to get the name `to`.
Error renamed(const Error& error, const std::string& from, const std::string& to) {
  Error::Facts facts = error.facts();
  for (std::string* text : {&facts.attempted, &facts.found, &facts.next}) {
    const std::size_t at = text->find(from);
    if (at != std::string::npos) text->replace(at, from.size(), to);
  }
  return {error.code(), std::move(facts)};
}

// FILE.new-<uuid>
bool is_name_in_creation(std::string_view name, const std::string& base) {
  const std::string prefix = base + std::string(kNewInfix);
  return name.starts_with(prefix) && Uuid::parse(name.substr(prefix.size())).has_value();
}

// Removes what killed creations of this file have left: nobody holds the lock on it any more.
void remove_abandoned_creations(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = path.substr(0, path.size() - base.size());
  for (const std::string& name : os::neighbours_of(path)) {
    os::File abandoned;
    if (is_name_in_creation(name, base) && !os::open_file(folder + name, os::Access::read_write, abandoned) &&
        os::try_lock(abandoned, os::LockMode::exclusive)) {
      os::remove_quietly(folder + name);
    }
  }
}

}  // namespace

// Writes the first content of a file that nobody else knows by name, which is why the registry need not know it.
void Environment::write_new_file(const std::string& temporary, std::span<const std::string_view> tables,
                                 const Fill& fill) {
  const std::string attempted = "cannot create '" + temporary + "'";
  std::shared_ptr<Environment> environment(new Environment(temporary, {}));
  environment->open_map(MDB_NOLOCK);  // Nobody else knows the file, and a lock file needs room of its own.
  MDB_txn* handle = nullptr;
  check(mdb_txn_begin(environment->handle_, nullptr, 0, &handle), attempted, temporary);
  environment->enter();
  WriteTransaction transaction(environment, handle, false);
  for (const std::string_view name : tables) environment->tables_.emplace_back().name = name;
  transaction.create_missing_tables();
  fill(transaction);
  transaction.commit();
}

void Environment::create(const std::string& path, std::span<const std::string_view> tables, const Fill& fill,
                         std::optional<std::uint32_t> permissions) {
  const std::string attempted = "cannot create '" + path + "'";
  const Error name_is_taken(
      ErrorCode::file_exists,
      {attempted, "a file of that name", {}, "choose another name, or remove the file"});
  os::FileFacts facts;
  if (!os::facts_of_link(path, facts)) throw name_is_taken;
  require_own_lock_file(path, attempted);
  remove_abandoned_creations(path);

  const std::string temporary = path + std::string(kNewInfix) + Uuid::generate().to_string();
  // Made now: once the file has its name, nothing may throw that is no failure of it.
  const std::string folder = os::folder_of(path);
  const std::string* present = &temporary;
  os::File file;
  if (auto error = os::create_exclusively(temporary, file)) {
    if (error != std::errc::no_such_file_or_directory) throw_system_error(error, attempted, path);
    throw Error(ErrorCode::file_not_found, {attempted, "no such folder", {}, "create the folder first"});
  }
  if (permissions) os::set_permissions(file, *permissions);
  os::try_lock(file, os::LockMode::exclusive);  // Tells others that the file is not abandoned.
  try {
    write_new_file(temporary, tables, fill);
    if (auto error = os::sync_file(temporary)) throw_system_error(error, attempted, path);
    if (auto error = os::rename_without_replacing(temporary, path)) {
      if (error == std::errc::file_exists) throw name_is_taken;
      throw_system_error(error, attempted, path);
    }
    present = &path;
    if (auto error = os::sync_folder(folder)) throw_system_error(error, attempted, path);
  } catch (const Error& error) {
    os::remove_quietly(*present);
    throw renamed(error, temporary, path);
  } catch (...) {
    os::remove_quietly(*present);
    throw;
  }
}

}  // namespace piecemark::engine
