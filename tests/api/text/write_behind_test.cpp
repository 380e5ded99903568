#include "api/text/write_behind.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace piecemark::text {
namespace {

constexpr int kRows = 200'000;

std::string row(int number) {
  return "row " + std::to_string(number) + " of many\n";
}

TEST(WriteBehind, WritesEverythingInOrder) {
  std::string expected;
  std::string written;
  const TextSink sink = [&](std::string_view piece) { written += piece; };
  WriteBehind out(sink);
  for (int i = 0; i < kRows; ++i) {
    expected += row(i);
    out.text() += row(i);
    out.end_row();
  }
  out.finish();
  EXPECT_EQ(written, expected);
}

TEST(WriteBehind, AShortTextIsWrittenByTheCaller) {
  std::thread::id writer;
  const TextSink sink = [&](std::string_view) { writer = std::this_thread::get_id(); };
  WriteBehind out(sink);
  out.text() += row(1);
  out.end_row();
  out.finish();
  EXPECT_EQ(writer, std::this_thread::get_id());
}

TEST(WriteBehind, TheErrorOfTheSinkIsTheCallers) {
  for (const int good_pieces : {0, 1, 5}) {
    int pieces = 0;
    const TextSink sink = [&](std::string_view) {
      if (pieces++ == good_pieces) throw std::runtime_error("no room");
    };
    const auto write = [&] {
      WriteBehind out(sink);
      for (int i = 0; i < kRows; ++i) {
        out.text() += row(i);
        out.end_row();
      }
      out.finish();
    };
    EXPECT_THROW(write(), std::runtime_error);
    EXPECT_EQ(pieces, good_pieces + 1) << "nothing behind the piece that failed";
  }
}

TEST(WriteBehind, TheErrorOfTheLastPieceIsNotLost) {
  const TextSink sink = [&](std::string_view piece) {
    if (piece.ends_with("end")) throw std::runtime_error("no room");
  };
  WriteBehind out(sink);
  for (int i = 0; i < kRows; ++i) {
    out.text() += row(i);
    out.end_row();
  }
  out.text() += "end";
  EXPECT_THROW(out.finish(), std::runtime_error);
}

TEST(WriteBehind, LeftWithoutAFinishItWritesWhatWasFull) {
  std::string written;
  const TextSink sink = [&](std::string_view piece) { written += piece; };
  {
    WriteBehind out(sink);
    out.text() += std::string(1'000'000, 'x');
    out.end_row();
    out.text() += "not full";
  }
  EXPECT_EQ(written, std::string(1'000'000, 'x'));
}

}  // namespace
}  // namespace piecemark::text
