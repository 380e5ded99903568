// The verbs of the command line. Each group adds its subcommands; a verb that was asked for sets the exit
// status.
#pragma once

#include "api/cli/command_line.h"

namespace piecemark::cli {

// What the program ends with.
enum ExitStatus : int {
  exit_done = 0,
  exit_refused = 1,        // or found wanting: conflicts, invalid rows, pending upgrade, failed verification
  exit_usage = 2,          // the words of the command
  exit_file_unusable = 3,  // corrupt, too new, locked, no permission, disk full
};

void add_file_verbs(Verb& program, int& status);   // create info formats current check
void add_maintenance_verbs(Verb& program);         // backup compact
void add_text_verbs(Verb& program, int& status);   // import export exec
void add_row_verbs(Verb& program, int& status);    // get find list
void add_migration_verbs(Verb& program);           // plan upgrade downgrade
void add_stash_verbs(Verb& program);               // stash list, stash export, stash drop
void add_proof_verbs(Verb& program, int& status);  // history fingerprint verify

void add_salvage_verb(Verb& program, int& status);

}  // namespace piecemark::cli
