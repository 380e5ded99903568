// How a file comes to be: under a temporary name, which it changes for its own once it is complete and durable.
#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "environment.h"
#include "file_in_creation.h"
#include "lmdb_error.h"
#include "lock_file.h"
#include "map_size.h"
#include "page_check.h"

namespace piecemark::engine {
namespace {

// A copy of a file that nobody may write is still its owner's to write.
constexpr std::uint32_t kOwnerWrites = 0600;

}  // namespace

// Nobody else knows the file by name, which is why the registry need not know it, and why it gets no lock file, which
// would need room of its own.
std::shared_ptr<Environment> Environment::open_in_creation(const std::string& temporary,
                                                           const EnvironmentOptions& options) {
  std::shared_ptr<Environment> environment(new Environment(temporary, options));
  try {
    environment->open_map(MDB_NOLOCK);
  } catch (const Error& error) {
    Error::Facts facts = error.facts();
    facts.attempted = "cannot create '" + temporary + "'";
    throw Error(error.code(), std::move(facts));
  }
  return environment;
}

void Environment::write_new_file(const std::string& temporary, std::span<const std::string_view> tables,
                                 const Fill& fill, std::uint64_t map_size_bytes) {
  const auto environment = open_in_creation(temporary, {.map_size_bytes = map_size_bytes});
  MDB_txn* handle = nullptr;
  check(mdb_txn_begin(environment->handle_, nullptr, 0, &handle), "cannot create '" + temporary + "'",
        temporary);
  environment->enter();
  WriteTransaction transaction(environment, handle, false);
  for (const std::string_view name : tables) environment->tables_.emplace_back().name = name;
  transaction.create_missing_tables();
  fill(transaction);
  transaction.commit();
}

void Environment::check_new_file(const FileInCreation& file, std::span<const std::string_view> tables,
                                 const Check& check) {
  if (const auto damage = engine::check_pages(file.file())) {
    throw Error(ErrorCode::io_error,
                {"cannot create '" + file.temporary() + "'",
                 "page " + std::to_string(damage->page) + " is not what was written: " + damage->reason,
                 {},
                 "check the disk, the memory and the system log, then try again"});
  }
  // As large as the file is, that is: nothing is added to it.
  const auto environment =
      open_in_creation(file.temporary(), {.read_only = true, .map_size_bytes = kMapSizeMin});
  environment->open_tables(tables);
  const ReadTransaction transaction = environment->begin_read();
  check(transaction);
}

// Writes the file, waits until the disk has it, and checks it where that is asked for.
void Environment::complete_new_file(const FileInCreation& file, std::span<const std::string_view> tables,
                                    const Fill& fill, const CreationOptions& options) {
  write_new_file(file.temporary(), tables, fill, std::max(options.map_size_bytes, options.expected_bytes));
  if (auto error = os::sync_file(file.temporary()))
    throw_system_error(error, "cannot create '" + file.temporary() + "'", file.temporary());
  if (options.check) check_new_file(file, tables, options.check);
}

CreationOptions Environment::options_for_copy(unsigned times) const {
  os::FileFacts facts;
  if (auto error = os::facts_of(file_, facts))
    throw_system_error(error, "cannot read '" + path_ + "'", path_);
  return {.owner = owner(),
          .map_size_bytes = options_.map_size_bytes,
          .expected_bytes = times * facts.size_bytes};
}

void Environment::create(const std::string& path, std::span<const std::string_view> tables, const Fill& fill,
                         const CreationOptions& options) {
  const std::string attempted = "cannot create '" + path + "'";
  const Error name_is_taken(
      ErrorCode::file_exists,
      {attempted, "a file of that name", {}, "choose another name, or remove the file"});
  os::FileFacts facts;
  if (!os::facts_of_link(path, facts)) throw name_is_taken;
  require_own_lock_file(path, attempted);

  // Made now: once the file has its name, nothing may throw that is no failure of it.
  const std::string folder = os::folder_of(path);
  std::optional<FileOwner> owner = options.owner;
  if (owner) owner->permissions |= kOwnerWrites;
  FileInCreation file(path, attempted, owner);
  try {
    complete_new_file(file, tables, fill, options);
    if (auto error = file.take_name()) {
      if (error == std::errc::file_exists) throw name_is_taken;
      throw_system_error(error, attempted, path);
    }
    if (auto error = os::sync_folder(folder)) throw_system_error(error, attempted, path);
  } catch (const Error& error) {
    throw file.renamed(error);
  }
  file.keep();
}

}  // namespace piecemark::engine
