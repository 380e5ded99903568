#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace piecemark::testing {
namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close(read_end);
    close(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  static void close(int& end) {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
};

pid_t start(const std::vector<std::string>& arguments, int input, int output, int errors) {
  std::vector<char*> words;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + arguments[0]);
  return pid;
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Finished run(const std::vector<std::string>& arguments, std::string_view input, const Watch& watch) {
  ::signal(SIGPIPE, SIG_IGN);  // A program may end without reading all of its input.
  Pipe in;
  Pipe out;
  Pipe err;
  const pid_t pid = start(arguments, in.read_end, out.write_end, err.write_end);
  Pipe::close(in.read_end);
  Pipe::close(out.write_end);
  Pipe::close(err.write_end);
  ::fcntl(in.write_end, F_SETFL, O_NONBLOCK);

  Finished finished;
  while (out.read_end >= 0 || err.read_end >= 0) {
    if (input.empty()) Pipe::close(in.write_end);
    std::array<pollfd, 3> ends{
        {{in.write_end, POLLOUT, 0}, {out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}}};
    ::poll(ends.data(), ends.size(), -1);
    if (ends[0].revents != 0) {
      const ssize_t written = ::write(in.write_end, input.data(), input.size());
      if (written > 0) input.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno != EAGAIN) input = {};
    }
    const auto drain = [](const pollfd& end, int& descriptor, std::string& text) {
      if (end.revents == 0) return;
      std::array<char, 65536> buffer;
      const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
      if (got > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        Pipe::close(descriptor);
      }
    };
    drain(ends[1], out.read_end, finished.out);
    drain(ends[2], err.read_end, finished.err);
    if (watch) watch(pid, finished);
  }
  finished.status = reap(pid);
  return finished;
}

Finished piecemark(std::vector<std::string> arguments, std::string_view input) {
  arguments.insert(arguments.begin(), PIECEMARK_PROGRAM);
  return run(arguments, input);
}

std::vector<std::string> piecemark_as_nobody() {
  const std::vector<std::string> words{"/usr/bin/setpriv", "--reuid", "65534", "--clear-groups",
                                       PIECEMARK_PROGRAM};
  if (::geteuid() != 0) return {};
  std::vector<std::string> trial = words;
  trial.emplace_back("--version");
  return run(trial).status == 0 ? words : std::vector<std::string>();
}

Background::Background(const std::vector<std::string>& arguments) {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  pid_ = start(arguments, nowhere, nowhere, nowhere);
  ::close(nowhere);
}

Background::~Background() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  reap(pid_);
}

void Background::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

int Background::wait() {
  return reap(std::exchange(pid_, -1));
}

Conversation::Conversation(const std::vector<std::string>& arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in;
  Pipe out;
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  pid_ = start(arguments, in.read_end, out.write_end, nowhere);
  ::close(nowhere);
  to_ = std::exchange(in.write_end, -1);
  from_ = std::exchange(out.read_end, -1);
}

Conversation::~Conversation() {
  Pipe::close(to_);
  Pipe::close(from_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  reap(pid_);
}

bool Conversation::say(const std::string& line) const {
  const std::string said = line + '\n';
  return ::write(to_, said.data(), said.size()) == static_cast<ssize_t>(said.size());
}

std::optional<std::string> Conversation::ask(const std::string& line) {
  if (!say(line)) return std::nullopt;
  for (;;) {
    if (const auto end = read_ahead_.find('\n'); end != std::string::npos) {
      std::string answer = read_ahead_.substr(0, end);
      read_ahead_.erase(0, end + 1);
      return answer;
    }
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(from_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    read_ahead_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void Conversation::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

int Conversation::wait() {
  Pipe::close(to_);
  return reap(std::exchange(pid_, -1));
}

}  // namespace piecemark::testing
