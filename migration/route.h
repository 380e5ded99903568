// The way from the format of a file to another: the steps to take, and what stands in the file on both ends.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/stamp.h"
#include "history.h"
#include "index/components.h"
#include "piecemark/error.h"
#include "stash.h"
#include "step.h"

namespace piecemark::migration {

struct Route {
  engine::Stamp stamp;  // of the file as it is
  const index::Format* from;
  const index::Format* to;
  std::vector<const Step*> steps;  // in the order in which they are taken

  bool is_upgrade() const { return to->number > from->number; }
};

// "cannot migrate '...' to format N"
std::string attempt_to_migrate(const std::string& path, std::uint32_t target);

// What a downgrade that may not set anything aside ends with.
Error refusal_of_downgrade(const std::string& path, std::uint32_t target, std::uint64_t rows,
                           std::uint64_t identifiers);

// Errors  no_such_format
const index::Format& require_target(std::uint32_t target, const std::string& path);
// Errors  format_too_new, corrupt_record
Route route_of(const engine::ReadTransaction& transaction, const index::Format& to,
               std::span<const Step> chain);

Stash stash_in(const engine::ReadTransaction& transaction);
History history_in(const engine::ReadTransaction& transaction);
index::Components components_in(const engine::ReadTransaction& transaction, const index::Format& format,
                                const engine::Stamp& stamp);

}  // namespace piecemark::migration
