// Processes of a test that have stores open, and do one thing after the other as they are told.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace piecemark::testing {

// A forked process. Its commands are words parted by blanks:
//
//   open_reader PATH [TIMEOUT_MS], open_writer PATH [TIMEOUT_MS], close
//   read                      "ok" and the marks of all components, sorted
//   hold, held, release       opens one more snapshot; the marks in the last one; ends all of them
//   hold_many LIMIT           opens snapshots until one fails: their number, and the failure
//   begin, add MARK [TIMES], commit, rollback
//   insert MARK [TIMES]       the three in one; TIMES rows
//   commit_many TIMES         that many commits, each of which replaces one row by another
//   verify                    verify() and verify_pages()
//   info
//   read_file PATH            opens the file, reads it and closes it, without the library
//
// The answer is "ok", with what was asked for, or the name of the error code and the message in one line. Who does not
// answer within a minute is killed: "no answer". Who has ended: "ended", with the status.
class StoreProcess {
 public:
  // `prepare` runs first in the new process; it may change users, the umask, or what else belongs to a process.
  explicit StoreProcess(const std::function<void()>& prepare = {});
  ~StoreProcess();  // kills it
  StoreProcess(const StoreProcess&) = delete;
  StoreProcess& operator=(const StoreProcess&) = delete;

  std::string ask(const std::string& command);
  // The two halves of ask().
  void tell(const std::string& command);
  std::string answer();
  void kill();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string read_ahead_;
};

}  // namespace piecemark::testing
