// Processes that a test starts: they end with their object, by their own pid.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace piecemark::testing {

struct Finished {
  int status = -1;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

// Runs a program to its end with the given standard input. `watch` sees the process and what it has printed so far,
// each time that it has printed more.
using Watch = std::function<void(pid_t process, const Finished& so_far)>;
Finished run(const std::vector<std::string>& arguments, std::string_view input = {}, const Watch& watch = {});
// Runs the program piecemark of this build.
Finished piecemark(std::vector<std::string> arguments, std::string_view input = {});

// A program in the background; its output goes nowhere.
class Background {
 public:
  explicit Background(const std::vector<std::string>& arguments);
  ~Background();  // kills it if it still runs
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void send(int signal) const;
  int wait();  // exit status, or 128 + signal
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

}  // namespace piecemark::testing
