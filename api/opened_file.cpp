#include "opened_file.h"

#include <utility>

#include "index/schema.h"
#include "piecemark/error.h"

namespace piecemark {
namespace {

const index::Format& require_known(const engine::Stamp& stamp, const std::string& path) {
  try {
    return index::require_readable(stamp, path);
  } catch (const Error& error) {
    throw Error(ErrorCode::format_changed,
                {"cannot go on with '" + path + "'", "it was upgraded to " + error.facts().found,
                 error.facts().supported, error.facts().next});
  }
}

}  // namespace

OpenedFile::OpenedFile(std::shared_ptr<engine::Environment> environment)
    : owned_(std::move(environment)), environment_(owned_) {
  const engine::ReadTransaction transaction = owned_->begin_read(engine::Deadline::min());
  const engine::Stamp stamp = index::load_stamp(transaction);
  index::require_schema(transaction, index::require_readable(stamp, owned_->path()));
  nulls_not_distinct_ = stamp.nulls_not_distinct;
  components_.resize(index::formats().size());
}

const index::Components& OpenedFile::components_in(const index::Format& format,
                                                   const engine::Environment& environment) const {
  const std::lock_guard lock(components_mutex_);
  auto& components = components_[format.number - 1];
  if (!components) components = std::make_unique<index::Components>(format, nulls_not_distinct_, environment);
  return *components;
}

const index::Components& OpenedFile::readable_components(const engine::ReadTransaction& transaction) {
  const std::uint64_t id = transaction.id();
  const std::uint64_t known = known_.load(std::memory_order_acquire);
  if (known >> 8 == id && known != 0) return *components_[(known & 0xFF) - 1];
  const engine::Environment& environment = *transaction.environment();
  const index::Format& format = require_known(index::load_stamp(transaction), environment.path());
  const index::Components& components = components_in(format, environment);
  known_.store(id << 8 | format.number, std::memory_order_release);
  return components;
}

const index::Components& OpenedFile::writable_components(const engine::WriteTransaction& transaction,
                                                         bool may_be_older) const {
  const engine::Environment& environment = *transaction.environment();
  const std::string& path = environment.path();
  const engine::Stamp stamp = index::load_stamp(transaction);
  const index::Format& format = require_known(stamp, path);
  index::require_writable(stamp, path);
  if (format.number == index::kLiveFormat || may_be_older) return components_in(format, environment);
  throw Error(ErrorCode::format_too_old,
              {"cannot write to '" + path + "'", "format " + std::to_string(format.number),
               "writing format " + std::to_string(index::kLiveFormat),
               "piecemark upgrade " + path + "; or write it as it is, for an old app: import --format " +
                   std::to_string(format.number)});
}

}  // namespace piecemark
