// Any lines as operations of exec on a store: each gets one line of JSON back.
#include "api/text/exec.h"

#include <optional>

#include "api/text/json_reader.h"
#include "target.h"
#include "tests/support/temporary.h"

namespace {

using namespace piecemark;

constexpr const char* kDrawing =
    R"({"op":"insert_drawing","row":{"id":"00000000-0000-7000-8000-000000000001"}})";

// A store that is empty at the beginning of every input.
class EmptyStore {
 public:
  EmptyStore() { make(); }

  Store& get() {
    const StoreInfo info = store_->info();
    if (info.components + info.drawings != 0) make();
    return *store_;
  }

 private:
  void make() {
    store_.reset();
    store_ = Store::create(folder_.path(std::to_string(++count_) + ".pmk"), {}, {.map_size_bytes = 1 << 28});
  }

  testing::TemporaryFolder folder_;
  int count_ = 0;
  std::optional<Store> store_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::prefer_memory();
  static EmptyStore store;
  text::ExecSession session(store.get());
  text::JsonReader reader;
  session.answer(R"({"op":"begin"})");
  session.answer(kDrawing);
  std::string_view rest = fuzz::text_of(data, size);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string answer = session.answer(rest.substr(0, end));
    fuzz::require(answer.find('\n') == std::string::npos, "an answer is one line");
    fuzz::require(reader.read_object(answer).index() == 0, "an answer is a JSON object");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  session.rollback();
  return 0;
}
