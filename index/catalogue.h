// The stamp in its place: what a file says about its own format, and whether this library can go along.
#pragma once

#include <string>

#include "engine/stamp.h"
#include "engine/transaction.h"
#include "format.h"

namespace piecemark::index {

// The stamp of the file.  Errors  not_a_store where there is none, corrupt_record where it is damaged
engine::Stamp load_stamp(const engine::ReadTransaction& transaction);
void save_stamp(engine::WriteTransaction& transaction, const engine::Stamp& stamp);

// A stamp for a new file of this format, or for one that was just taken to it.
engine::Stamp new_stamp(const Format& format, bool nulls_not_distinct);
engine::Stamp migrated_stamp(engine::Stamp stamp, const Format& format);

// The format of a file that this library can read.  Errors  format_too_new
const Format& require_readable(const engine::Stamp& stamp, const std::string& path);
// Errors  format_too_new for unknown features
void require_writable(const engine::Stamp& stamp, const std::string& path);

}  // namespace piecemark::index
