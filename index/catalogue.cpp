#include "catalogue.h"

#include <algorithm>

#include "engine/environment.h"
#include "piecemark/error.h"

namespace piecemark::index {
namespace {

// A library that knows a format reads and writes it; nothing older may, because records and indexes differ.
std::uint32_t reader_min_of(const Format& format) {
  return format.number;
}

[[noreturn]] void throw_too_new(const engine::Stamp& stamp, const std::string& path, std::string found) {
  const Version writer = std::max(stamp.created_by, stamp.migrated_by);
  throw Error(
      ErrorCode::format_too_new,
      {"cannot open '" + path + "'", std::move(found) + " (written by piecemark " + writer.to_string() + ")",
       known_formats(),
       "open it with piecemark " + writer.to_string() + " or later, or there: piecemark downgrade --to " +
           std::to_string(kLiveFormat) + " " + path});
}

}  // namespace

engine::Stamp load_stamp(const engine::ReadTransaction& transaction) {
  const engine::Environment& environment = *transaction.environment();
  const auto bytes = transaction.get(table(environment, TableId::meta), engine::kStampKey);
  if (!bytes) {
    throw Error(ErrorCode::not_a_store, {"cannot open '" + environment.path() + "'",
                                         "an LMDB file without a stamp",
                                         {},
                                         "check that this is the right file"});
  }
  const auto stamp = engine::decode_stamp(*bytes);
  if (!stamp) {
    throw Error(ErrorCode::corrupt_record,
                {"cannot open '" + environment.path() + "'",
                 bytes->starts_with(engine::kStampMagic) ? "a damaged stamp" : "a stamp with the wrong magic",
                 {},
                 "go back to a backup, or run 'piecemark salvage'"});
  }
  return *stamp;
}

void save_stamp(engine::WriteTransaction& transaction, const engine::Stamp& stamp) {
  transaction.put(table(*transaction.environment(), TableId::meta), engine::kStampKey,
                  engine::encode_stamp(stamp));
}

engine::Stamp new_stamp(const Format& format, bool nulls_not_distinct) {
  return {
      .format = format.number,
      .reader_min = reader_min_of(format),
      .writer_min = reader_min_of(format),
      .nulls_not_distinct = nulls_not_distinct,
      .features = 0,
      .created_at = Timestamp::now(),
      .created_by = kVersion,
      .migrated_at = {},
      .migrated_by = {},
  };
}

engine::Stamp migrated_stamp(engine::Stamp stamp, const Format& format) {
  stamp.format = format.number;
  stamp.reader_min = reader_min_of(format);
  stamp.writer_min = reader_min_of(format);
  stamp.migrated_at = Timestamp::now();
  stamp.migrated_by = kVersion;
  return stamp;
}

const Format& require_readable(const engine::Stamp& stamp, const std::string& path) {
  const Format* format = format_numbered(stamp.format);
  if (format == nullptr || stamp.reader_min > kLiveFormat)
    throw_too_new(stamp, path, "format " + std::to_string(stamp.format));
  return *format;
}

void require_writable(const engine::Stamp& stamp, const std::string& path) {
  if (stamp.writer_min > kLiveFormat || stamp.format > kLiveFormat) {
    throw_too_new(stamp, path, "format " + std::to_string(stamp.format));
  }
  if ((stamp.features & ~engine::kKnownFeatures) != 0) {
    throw_too_new(
        stamp, path,
        "format " + std::to_string(stamp.format) + " with features that this library does not know");
  }
}

}  // namespace piecemark::index
