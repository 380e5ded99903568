#include "piecemark/error.h"

#include <gtest/gtest.h>

namespace piecemark {
namespace {

TEST(Error, MessageHasOneFactALine) {
  const Error error(ErrorCode::format_too_new,
                    {"cannot open 'site.pmk'", "format 4 (written by piecemark 2.1.0)", "formats 1 to 3",
                     "open it with piecemark 2.1"});
  EXPECT_STREQ(error.what(),
               "cannot open 'site.pmk': format_too_new\n"
               "  found      format 4 (written by piecemark 2.1.0)\n"
               "  supported  formats 1 to 3\n"
               "  next       open it with piecemark 2.1");
}

TEST(Error, FactsThatAreEmptyAreLeftOut) {
  EXPECT_STREQ(Error(ErrorCode::io_error, {"cannot read", "nothing", {}, {}}).what(),
               "cannot read: io_error\n  found      nothing");
}

TEST(Error, ViolationKeepsItsFacts) {
  const ConstraintViolation error("cannot insert",
                                  {ErrorCode::unique_violation, "components_pkey", {}, "taken", Uuid{}});
  EXPECT_EQ(error.code(), ErrorCode::unique_violation);
  EXPECT_EQ(error.violation().constraint, "components_pkey");
  EXPECT_EQ(error.violation().existing, Uuid{});
}

TEST(ErrorCode, KnowsNameKindAndMeaning) {
  EXPECT_EQ(name_of(ErrorCode::not_null_violation), "not_null_violation");
  EXPECT_EQ(kind_of(ErrorCode::not_null_violation), ErrorKind::row);
  EXPECT_EQ(kind_of(ErrorCode::downgrade_refused), ErrorKind::refused);
  EXPECT_EQ(kind_of(ErrorCode::disk_full), ErrorKind::file);
  EXPECT_EQ(name_of(ErrorCode::invalid_use), "invalid_use");
  EXPECT_FALSE(meaning_of(ErrorCode::busy).empty());
}

}  // namespace
}  // namespace piecemark
