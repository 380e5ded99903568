// How the verbs open stores: what every verb lets the user say about it.
#pragma once

#include "api/cli/command_line.h"

#include "piecemark/store.h"

namespace piecemark::cli {

OpenOptions to_read();
OpenOptions to_write();

// Adds --map-size to the verbs of the program that open a store.
void add_opening_options(Verb& program);

}  // namespace piecemark::cli
