// Processes that a test starts: they end with their object, by their own pid.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
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

// The words that run the program of this build as a user who owns nothing; none where this process may not become him, or
// where he does not reach the program.
std::vector<std::string> piecemark_as_nobody();

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

// A program that is asked line by line, and answers each line by one.
// Threads  one asks; another one may send signals meanwhile
class Conversation {
 public:
  explicit Conversation(const std::vector<std::string>& arguments);
  ~Conversation();  // kills it if it still runs
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // False once the program has ended.
  bool say(const std::string& line) const;
  // nullopt once the program has ended.
  std::optional<std::string> ask(const std::string& line);
  void send(int signal) const;
  int wait();  // exit status, or 128 + signal

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string read_ahead_;
};

}  // namespace piecemark::testing
