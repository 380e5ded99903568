// The program piecemark: one verb, one file, an exit status that scripts can rely on.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

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

// CLI11 skips a word that it does not know, and takes the next one for the verb.
void require_known_verb(const CLI::App& program, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  for (const CLI::App* verb : program.get_subcommands({})) {
    if (verb->check_name(argv[1])) return;
  }
  throw CLI::ValidationError("VERB", "'" + std::string(argv[1]) + "' is no verb of this program");
}

}  // namespace

int main(int argc, char** argv) {
  // A store opened on the number of a closed standard stream would receive what is printed.
  engine::os::open_missing_standard_streams();
  // A file size limit then shows as an error of the write that met it.
  std::signal(SIGXFSZ, SIG_IGN);
  cli::end_cleanly_on_lost_map();

  CLI::App program(
      "Stores the components of drawings in one file, and takes files from format to format and back.",
      "piecemark");
  program.set_version_flag("--version", "piecemark " + kVersion.to_string());
  program.require_subcommand(1);
  program.footer("Exit status: 0 done; 1 refused or found wanting; 2 usage; 3 the file cannot be used.");
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
    require_known_verb(program, argc, argv);
    program.parse(argc, argv);
    cli::finish_output();
    return status;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);
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
