// The program piecemark: one verb, one file, an exit status that scripts can rely on.
#include <csignal>
#include <exception>
#include "api/cli/command_line.h"

#include "api/cli/interruption.h"
#include "api/cli/lost_map.h"
#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "engine/os.h"
#include "piecemark/error.h"
#include "piecemark/version.h"

namespace {

using namespace piecemark;  // NOLINT(google-build-using-namespace): the program's own main

int status_of(ErrorCode code) {
  switch (kind_of(code)) {
    case ErrorKind::row:
    case ErrorKind::refused:
      return cli::exit_refused;
    case ErrorKind::file:
      return cli::exit_file_unusable;
    case ErrorKind::misuse:
      return cli::exit_usage;
  }
  return cli::exit_file_unusable;
}

int run(int argc, char** argv) {
  // A store opened on the number of a closed standard stream would receive what is printed.
  engine::os::open_missing_standard_streams();
  // A file size limit then shows as an error of the write that met it.
  std::signal(SIGXFSZ, SIG_IGN);
  cli::end_cleanly_on_lost_map();
  cli::say_interruptions();

  cli::CommandLine command(
      "Stores the components of drawings in one file, and takes files from format to format and back.",
      "piecemark", "piecemark " + kVersion.to_string(),
      "Exit status: 0 done; 1 refused or found wanting; 2 usage; 3 the file cannot be used.");
  cli::Verb& program = command.program();
  int status = cli::exit_done;
  cli::add_file_verbs(program, status);
  cli::add_maintenance_verbs(program);
  cli::add_text_verbs(program, status);
  cli::add_row_verbs(program, status);
  cli::add_migration_verbs(program);
  cli::add_stash_verbs(program);
  cli::add_proof_verbs(program, status);
  cli::add_salvage_verb(program, status);
  cli::add_opening_options(program);

  try {
    if (!command.run(argc, argv)) return cli::exit_done;
    cli::finish_output();
    return status;
  } catch (const cli::UsageError& error) {
    cli::print_error(std::string("usage: ") + error.what() +
                     "\n  next       piecemark --help, or piecemark VERB --help");
    return cli::exit_usage;
  } catch (const Error& error) {
    cli::flush_output();
    cli::print_error(error.what());
    return status_of(error.code());
  } catch (const std::exception& error) {
    cli::flush_output();
    cli::print_error(error.what());
    return cli::exit_file_unusable;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int status = run(argc, argv);
  cli::end_if_interrupted();
  return status;
}
