#include "route.h"

#include "index/catalogue.h"

namespace piecemark::migration {

std::string attempt_to_migrate(const std::string& path, std::uint32_t target) {
  return "cannot migrate '" + path + "' to format " + std::to_string(target);
}

Error refusal_of_downgrade(const std::string& path, std::uint32_t target, std::uint64_t rows,
                           std::uint64_t identifiers) {
  const std::string format = "format " + std::to_string(target);
  return {
      ErrorCode::downgrade_refused,
      {"cannot downgrade '" + path + "' to " + format,
       std::to_string(rows) + " rows and " + std::to_string(identifiers) + " instance identifiers that " +
           format + " cannot hold",
       {},
       "run it again with --on-conflict stash: they are kept in the file and return with the next upgrade"}};
}

const index::Format& require_target(std::uint32_t target, const std::string& path) {
  if (const index::Format* format = index::format_numbered(target)) return *format;
  throw Error(ErrorCode::no_such_format,
              {attempt_to_migrate(path, target), "a format that this library does not know",
               index::known_formats(), "run 'piecemark formats' to see them"});
}

Route route_of(const engine::ReadTransaction& transaction, const index::Format& to,
               std::span<const Step> chain) {
  const std::string& path = transaction.environment()->path();
  Route route{index::load_stamp(transaction), nullptr, &to, {}};
  route.from = &index::require_readable(route.stamp, path);
  // Step i of the chain leads from format i + 1 to format i + 2.
  for (std::uint32_t at = route.from->number; at < to.number; ++at) route.steps.push_back(&chain[at - 1]);
  for (std::uint32_t at = route.from->number; at > to.number; --at) route.steps.push_back(&chain[at - 2]);
  return route;
}

Stash stash_in(const engine::ReadTransaction& transaction) {
  return Stash(index::table(*transaction.environment(), index::TableId::stash));
}
History history_in(const engine::ReadTransaction& transaction) {
  return History(index::table(*transaction.environment(), index::TableId::history));
}
index::Components components_in(const engine::ReadTransaction& transaction, const index::Format& format,
                                const engine::Stamp& stamp) {
  return {format, stamp.nulls_not_distinct, *transaction.environment()};
}

}  // namespace piecemark::migration
