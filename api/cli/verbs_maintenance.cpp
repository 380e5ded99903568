// Verbs that keep a store in good order: backup, compact.
#include <memory>
#include <string>

#include "api/cli/long_task.h"
#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "engine/os.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

struct MaintenanceArguments {
  std::string file;
  std::string out;
};

void backup(const MaintenanceArguments& arguments) {
  const Store store = Store::open(arguments.file, to_read());
  LongTask task("copying", {});
  store.backup(arguments.out, task.on_progress());
  task.finish();
  engine::os::FileFacts copy;
  engine::os::facts_of(arguments.out, copy);
  print_line("copied to '" + arguments.out + "', " + in_bytes(copy.size_bytes) +
             "; every checksum in the copy holds");
}

void compact(const MaintenanceArguments& arguments) {
  Store store = Store::open(arguments.file, to_write());
  LongTask task("compacting", {});
  const Compaction done = store.compact(task.on_progress());
  task.finish();
  print_line("compacted '" + arguments.file + "' from " + in_bytes(done.bytes_before) + " to " +
             in_bytes(done.bytes_after));
}

}  // namespace

void add_maintenance_verbs(Verb& program) {
  const auto arguments = std::make_shared<MaintenanceArguments>();
  Verb verb = program.verb("backup", "Copy a store while others use it, and check the copy");
  verb.option("FILE", arguments->file, "The store").required();
  verb.option("OUT", arguments->out, "The new file").required();
  verb.run([arguments] { backup(*arguments); });

  verb = program.verb("compact", "Give back the room that a store does not need");
  verb.option("FILE", arguments->file, "The store").required();
  verb.run([arguments] { compact(*arguments); });
}

}  // namespace piecemark::cli
