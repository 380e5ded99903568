#include "store_core.h"

#include <utility>

#include "index/tables.h"

namespace piecemark {
namespace {

std::shared_ptr<engine::Environment> open_environment(const std::string& path, const OpenOptions& options) {
  return engine::Environment::open(path, index::kTables,
                                   {.read_only = options.read_only,
                                    .trusted = options.trusted,
                                    .map_size_bytes = options.map_size_bytes,
                                    .busy_timeout_ms = options.busy_timeout_ms,
                                    .required_tables = index::kRequiredTables,
                                    .notes_table = index::kNotesTable});
}

// Once more where it is replaced at this very moment.
std::unique_ptr<OpenedFile> open_file(const std::string& path, const OpenOptions& options) {
  for (;;) {
    const auto environment = open_environment(path, options);
    try {
      return std::make_unique<OpenedFile>(environment);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::reopen_needed || !environment->is_replaced()) throw;
    }
  }
}

}  // namespace

StoreCore::StoreCore(const std::string& path, const OpenOptions& options) : options_(options) {
  files_.push_back(open_file(path, options_));
  current_ = files_.back().get();
  path_ = files_.back()->environment()->path();
}

void StoreCore::leave(OpenedFile& replaced) {
  const std::lock_guard lock(files_mutex_);
  if (current_.load() != &replaced) return;  // Another thread was here first.
  files_.push_back(open_file(path_, options_));
  current_.store(files_.back().get(), std::memory_order_release);
  replaced.let_go();
}

void StoreCore::require_opened_for_writing() const {
  if (!options_.read_only) return;
  throw Error(ErrorCode::read_only,
              {"cannot write to '" + path_ + "'", "a store opened for reading", {}, "open it for writing"});
}

ReadTxnState StoreCore::begin_read(const std::shared_ptr<StoreCore>& core) {
  engine::Deadline copied_since = engine::Deadline::max();
  return core->with_file([&](OpenedFile& file, engine::Environment& environment) {
    try {
      engine::ReadTransaction transaction = environment.begin_read(copied_since);
      const index::Components& components = file.readable_components(transaction);
      return ReadTxnState{core, std::move(transaction), &components};
    } catch (const Error&) {
      copied_since = std::chrono::steady_clock::now();  // What is opened next is not older than this call.
      throw;
    }
  });
}

std::unique_ptr<WriteTxnState> StoreCore::begin_write(const std::shared_ptr<StoreCore>& core) {
  core->require_opened_for_writing();
  return core->with_file([&](OpenedFile& file, engine::Environment& environment) {
    core->tell_of_long_readers(environment);
    engine::WriteTransaction transaction = environment.begin_write(core->options().busy_timeout_ms);
    const index::Components& components =
        file.writable_components(transaction, core->options().write_older_format);
    return std::make_unique<WriteTxnState>(core, std::move(transaction), components);
  });
}

// Before the write lock is acquired, so that what the caller does about them keeps nobody waiting.
void StoreCore::tell_of_long_readers(engine::Environment& environment) {
  constexpr std::int64_t kPauseMicroseconds = 1'000'000;
  if (!options_.on_long_reader) return;
  const std::int64_t now = engine::os::now_microseconds();
  const std::int64_t passed = now - looked_for_long_readers_.load(std::memory_order_relaxed);
  if (passed >= 0 && passed < kPauseMicroseconds) return;
  looked_for_long_readers_.store(now, std::memory_order_relaxed);
  environment.clear_dead_readers();
  std::vector<LongReader> readers;
  {
    const engine::ReadTransaction snapshot = environment.begin_read();
    readers = environment.long_readers(snapshot, options_.long_reader_ms);
  }
  for (const LongReader& reader : readers) options_.on_long_reader(reader);
}

}  // namespace piecemark
