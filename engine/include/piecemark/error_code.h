#pragma once

#include <cstdint>
#include <string_view>

#include "piecemark/export.h"

// The one table of error codes: X(name, kind, when it is reported).
//   row      a row breaks a rule of the schema; the name is PostgreSQL's condition name
//   refused  the request is understood and turned down; the file is unchanged
//   file     the file cannot be used as it is, or not now
//   misuse   the caller broke the contract of the library
#define PIECEMARK_ERROR_CODES(X)                                                                       \
  X(not_null_violation, row, "a column that must have a value is NULL")                                \
  X(unique_violation, row, "a row with this id or this key exists already")                            \
  X(foreign_key_violation, row, "the drawing does not exist")                                          \
  X(check_violation, row, "confidence_score is outside 0 to 1")                                        \
  X(string_data_right_truncation, row, "a text is longer than its column allows")                      \
  X(character_not_in_repertoire, row, "a text is not valid UTF-8 or contains U+0000")                  \
  X(numeric_value_out_of_range, row, "a number does not fit its column")                               \
  X(invalid_text_representation, row, "a value or a line does not have the form it must have")         \
  X(invalid_datetime_format, row, "a time stamp does not have the form of one")                        \
  X(datetime_field_overflow, row, "a field of a time stamp is out of range")                           \
  X(downgrade_refused, refused,                                                                        \
    "the older format cannot hold everything, and setting it aside was not asked")                     \
  X(canceled, refused, "the caller asked to stop; nothing was changed")                                \
  X(no_such_format, refused, "this library knows no such format, or no steps lead there")              \
  X(file_not_found, file, "there is no file of this name")                                             \
  X(file_exists, file, "a file of this name exists already")                                           \
  X(permission_denied, file, "the operating system denies access")                                     \
  X(not_a_store, file, "the file is something else than a Piecemark store")                            \
  X(unsupported_container, file, "the file was written by another generation of LMDB")                 \
  X(unsupported_platform, file, "the file lies where LMDB cannot work, such as a network file system") \
  X(unsafe_lock_file, file, "the lock file is a symbolic link, or the file has a second name")         \
  X(corrupt_file, file, "the structure of the file is damaged")                                        \
  X(corrupt_record, file, "stored bytes fail their checksum")                                          \
  X(format_too_new, file, "a newer library wrote the file")                                            \
  X(format_too_old, file, "writing needs an upgrade of the file first")                                \
  X(format_changed, file,                                                                              \
    "the format of the file changed while it was open, and this library cannot follow")                \
  X(migration_mismatch, file, "a migration would have changed content; it was rolled back")            \
  X(busy, file, "someone else holds the write lock, or a resource, for longer than the time-out")      \
  X(disk_full, file, "the disk, the quota or the map has no room left; nothing was stored")            \
  X(io_error, file, "reading or writing the file failed")                                              \
  X(reopen_needed, file, "a commit failed half way; close the store and open it again")                \
  X(read_only, misuse, "the store was opened for reading")                                             \
  X(forked, misuse, "the store was opened before fork and is used in the child")                       \
  X(invalid_use, misuse, "a call that the contract does not allow at this point")

namespace piecemark {

enum class ErrorCode : std::uint8_t {
#define PIECEMARK_X(name, kind, meaning) name,
  PIECEMARK_ERROR_CODES(PIECEMARK_X)
#undef PIECEMARK_X
};

enum class ErrorKind : std::uint8_t { row, refused, file, misuse };

// The stable name, as in "unique_violation".
PIECEMARK_API std::string_view name_of(ErrorCode code);
PIECEMARK_API ErrorKind kind_of(ErrorCode code);
// One sentence that says when the code is reported.
PIECEMARK_API std::string_view meaning_of(ErrorCode code);

}  // namespace piecemark
