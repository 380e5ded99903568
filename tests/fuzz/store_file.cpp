// A store file, damaged by a mutator that knows LMDB: it is opened, walked, asked, written, verified and migrated.
#include "piecemark/migration.h"
#include "target.h"
#include "tests/faults/questions.h"
#include "tests/support/temporary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace piecemark;
  fuzz::prefer_memory();
  static const testing::TemporaryFolder folder;
  const std::string path = folder.write("store.pmk", fuzz::text_of(data, size));
  try {
    testing::Questions questions;
    {
      const Store store = Store::open(path, {.read_only = true, .map_size_bytes = 1 << 28});
      static_cast<void>(verify(store.read()));
      questions = testing::questions_about(store.read());
      static_cast<void>(testing::ask(store, questions));
    }
    testing::write_everything(path, questions);
  } catch (const Error&) {  // Refused, or reported.
  }
  return 0;
}
