// Verbs that keep a store in good order: backup, compact.
#include <memory>
#include <string>

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
  Store::open(arguments.file, to_read()).backup(arguments.out);
  engine::os::FileFacts copy;
  engine::os::facts_of(arguments.out, copy);
  print_line("copied to '" + arguments.out + "', " + in_bytes(copy.size_bytes) +
             "; every checksum in the copy holds");
}

void compact(const MaintenanceArguments& arguments) {
  const Compaction done = Store::open(arguments.file, to_write()).compact();
  print_line("compacted '" + arguments.file + "' from " + in_bytes(done.bytes_before) + " to " +
             in_bytes(done.bytes_after));
}

}  // namespace

void add_maintenance_verbs(CLI::App& program) {
  const auto arguments = std::make_shared<MaintenanceArguments>();
  CLI::App* verb = program.add_subcommand("backup", "Copy a store while others use it, and check the copy");
  verb->add_option("FILE", arguments->file, "The store")->required();
  verb->add_option("OUT", arguments->out, "The new file")->required();
  verb->callback([arguments] { backup(*arguments); });

  verb = program.add_subcommand("compact", "Give back the room that a store does not need");
  verb->add_option("FILE", arguments->file, "The store")->required();
  verb->callback([arguments] { compact(*arguments); });
}

}  // namespace piecemark::cli
