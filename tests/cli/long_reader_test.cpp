// Readers of other processes that keep an old snapshot: named while they live, and forgotten when they are killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temporary.h"

namespace piecemark {
namespace {

using testing::piecemark;
using testing::TemporaryFolder;

// A process that begins a snapshot and keeps it.
class Reader {
 public:
  explicit Reader(const std::string& path) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const Store store = Store::open(path, {.read_only = true});
      const ReadTxn snapshot = store.read();
      if (::write(ready[1], "x", 1) == 1) ::pause();
      ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Reader() { kill(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    killed_ = std::exchange(pid_, -1);
  }
  auto pid() const { return static_cast<std::uint64_t>(pid_ > 0 ? pid_ : killed_); }

 private:
  pid_t pid_ = -1;
  pid_t killed_ = -1;
};

class LongReaderTest : public ::testing::Test {
 protected:
  LongReaderTest() { Store::create(path_); }

  static void write(Store& store, int rows = 200) {
    WriteTxn txn = store.write();
    for (int i = 0; i < rows; ++i) txn.insert({.piece_mark = "G" + std::to_string(i)});
    txn.commit();
  }
  // Lets the clock note another commit.
  static void pass_a_second() { std::this_thread::sleep_for(std::chrono::milliseconds(1'050)); }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("site.pmk");
};

TEST_F(LongReaderTest, IsNamedWithItsAgeAndWhatItPins) {
  {
    Store store = Store::open(path_);
    write(store);
  }
  const Reader reader(path_);
  const Reader other(path_);
  Store store = Store::open(path_);
  pass_a_second();
  EXPECT_TRUE(store.long_readers(0).empty()) << "its snapshot is that of the last commit";
  const auto superseded = std::chrono::steady_clock::now();
  write(store);
  pass_a_second();
  write(store);
  EXPECT_TRUE(store.long_readers(600'000).empty());
  const auto found = store.long_readers(500);
  ASSERT_EQ(found.size(), 2U);
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - superseded);
  for (const LongReader& one : found) {
    EXPECT_TRUE(one.process_id == reader.pid() || one.process_id == other.pid());
    EXPECT_GE(one.age_ms, 500U);
    EXPECT_LE(one.age_ms, static_cast<std::uint64_t>(passed.count()));
    EXPECT_GE(one.pinned_bytes, 4096U * 10) << "two commits have rewritten pages";
    EXPECT_LE(one.pinned_bytes, store.info().file_bytes);
  }

  const std::string text = piecemark({"info", path_, "--long-reader", "0.5"}).out;
  EXPECT_NE(text.find("long reader   process " + std::to_string(reader.pid())), std::string::npos) << text;
  EXPECT_EQ(piecemark({"info", path_}).out.find("long reader"), std::string::npos) << "not for five seconds";
  const std::string json = piecemark({"info", path_, "--json", "--long-reader", "0.5"}).out;
  EXPECT_NE(json.find("{\"process_id\":" + std::to_string(reader.pid()) + ",\"age_ms\":"), std::string::npos)
      << json;
}

TEST_F(LongReaderTest, IsToldToTheWriterThatFindsIt) {
  std::vector<LongReader> told;
  Store store = Store::open(
      path_, {.on_long_reader = [&](const LongReader& one) { told.push_back(one); }, .long_reader_ms = 300});
  write(store);
  const Reader reader(path_);
  write(store);
  EXPECT_TRUE(told.empty());
  pass_a_second();
  pass_a_second();
  write(store);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].process_id, reader.pid());
  EXPECT_GE(told[0].age_ms, 300U);
  EXPECT_GT(told[0].pinned_bytes, 0U);
  write(store);
  EXPECT_EQ(told.size(), 1U) << "once a second at most";
}

TEST_F(LongReaderTest, ItsErrorIsThatOfWriteAndNobodyWaitsForIt) {
  Store store = Store::open(
      path_,
      {.on_long_reader = [](const LongReader&) { throw std::runtime_error("no"); }, .long_reader_ms = 0});
  const Reader reader(path_);
  write(store);
  pass_a_second();
  EXPECT_THROW(write(store), std::runtime_error);
  EXPECT_NO_THROW(write(store)) << "the turn was not taken";
}

// A killed reader must not pin anything: whoever goes on writing finds out, without opening the file again.
TEST_F(LongReaderTest, ThatWasKilledIsForgottenByWhoeverWrites) {
  Store store = Store::open(path_);
  write(store);
  Reader reader(path_);
  write(store);
  pass_a_second();
  write(store);
  ASSERT_EQ(store.long_readers(0).size(), 1U);
  reader.kill();
  pass_a_second();
  write(store, 1);  // Finds out.
  const std::uint64_t bytes = store.info().file_bytes;
  for (int i = 0; i < 100; ++i) write(store, 1);
  EXPECT_LE(store.info().file_bytes, bytes + 64 * 4096) << "the pages that it had pinned are used again";
  EXPECT_TRUE(store.long_readers(0).empty());
}

}  // namespace
}  // namespace piecemark
