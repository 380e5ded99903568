// How a file gives place to a new one under the same name, while other processes have it open.
//
// Two names must change hands, that of the data file and that of its lock file, and nothing can do that at once. So:
//
//   1. The process that replaces holds the write lock of the old file throughout, and the gate of the new one until the end.
//   2. The new file is complete and durable under a temporary name.
//   3. A note of it is committed to the old file. Readers that find it look whether the path still leads to their file, at
//      each transaction. Should the path never change, the next commit takes the note away.
//   4. The new file gets a second name, and that one is renamed to the path. Two names mean: not finished. An opener
//      of the file now waits for the gate.
//   5. The folder is made durable, the old lock file loses its name (processes that have the old file open keep it), and the
//      temporary name is removed.
//
// A process that is killed before 4 leaves the old file, and an abandoned file in creation. One that is killed later leaves
// the new file, with two names and an open gate: its first opener does step 5 before LMDB can meet the lock file of
// the old one.
//
// A writer looks, when it has the write lock, whether the path still leads to its file. No process can commit to the old
// file after step 3.
#pragma once

#include <string>

#include "os.h"
#include "waiting.h"

namespace piecemark::engine {

// Whether this file, one of whose names is the path, has another name that only a replacement has given to it.
bool is_being_replaced(const os::FileId& id, const std::string& path);

// Step 5, once the process that is at it has released the gate. The caller does not hold it. False where this process may not.
// Errors  busy, io_error
bool finish_replacement(const std::string& path, const os::FileId& id, Deadline deadline);

}  // namespace piecemark::engine
