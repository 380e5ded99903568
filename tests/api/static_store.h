// A shared object with a store of its own, for at_exit_program.cpp.
#pragma once

#include <string>

#include "piecemark/store.h"

__attribute__((visibility("default"))) piecemark::Store& static_store(const std::string& path);
