#include "tests/api/store_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "piecemark/migration.h"
#include "piecemark/store.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {
namespace {

std::string in_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string marks_of(const ReadTxn& snapshot) {
  std::vector<std::string> marks;
  for (const ComponentView& component : snapshot.scan()) marks.emplace_back(component.piece_mark());
  std::sort(marks.begin(), marks.end());
  std::string text = "ok";
  for (const std::string& mark : marks) text += " " + mark;
  return text;
}

class Obedient {
 public:
  std::string obey(const std::string& command) {
    std::istringstream words(command);
    std::string verb;
    std::string operand;
    std::uint32_t number = 0;
    words >> verb >> operand >> number;
    if (verb == "open_reader") return open(operand, true, number);
    if (verb == "open_writer") return open(operand, false, number);
    if (verb == "close") return close();
    if (verb == "read") return marks_of(store_->read());
    if (verb == "hold") return held_.push_back(store_->read()), "ok";
    if (verb == "held") return marks_of(held_.back());
    if (verb == "release") return held_.clear(), "ok";
    if (verb == "hold_many") return hold_many(std::stoul(operand));
    if (verb == "begin") return transaction_.emplace(store_->write()), "ok";
    if (verb == "add") return add(*transaction_, operand, number), "ok";
    if (verb == "commit") return commit();
    if (verb == "rollback") return transaction_.reset(), "ok";
    if (verb == "insert") return insert(operand, number);
    if (verb == "commit_many") return commit_many(std::stoul(operand));
    if (verb == "verify") return verify();
    if (verb == "info") return store_->info(), "ok";
    if (verb == "read_file") return "ok " + std::to_string(read_file(operand).size());
    return "no such command: " + command;
  }

 private:
  static void add(WriteTxn& transaction, const std::string& mark, std::uint32_t times) {
    for (std::uint32_t i = 0; i < std::max(times, 1U); ++i) transaction.insert({.piece_mark = mark});
  }

  std::string open(const std::string& path, bool read_only, std::uint32_t timeout_ms) {
    OpenOptions options{.read_only = read_only};
    if (timeout_ms != 0) options.busy_timeout_ms = timeout_ms;
    store_.emplace(Store::open(path, options));
    return "ok";
  }

  std::string close() {
    transaction_.reset();
    held_.clear();
    store_.reset();
    return "ok";
  }

  std::string hold_many(std::size_t limit) {
    try {
      while (held_.size() < limit) held_.push_back(store_->read());
    } catch (const Error& error) {
      return "ok " + std::to_string(held_.size()) + " " + in_one_line(error.what());
    }
    return "ok " + std::to_string(held_.size());
  }

  std::string commit() {
    // It is over, whatever comes of it.
    WriteTxn transaction = std::move(*transaction_);
    transaction_.reset();
    transaction.commit();
    return "ok";
  }

  std::string insert(const std::string& mark, std::uint32_t times) {
    WriteTxn transaction = store_->write();
    add(transaction, mark, times);
    transaction.commit();
    return "ok";
  }

  std::string commit_many(std::size_t times) {
    std::optional<Uuid> last;
    for (std::size_t i = 0; i < times; ++i) {
      WriteTxn transaction = store_->write();
      if (last) transaction.erase(*last);
      last = transaction.insert({.piece_mark = "M" + std::to_string(i)});
      transaction.commit();
    }
    return "ok";
  }

  std::string verify() {
    const Verification found = piecemark::verify(store_->read());
    if (!found.is_clean()) return "not clean: " + found.problems.front();
    verify_pages(*store_);
    return "ok";
  }

  std::optional<Store> store_;
  std::vector<ReadTxn> held_;
  std::optional<WriteTxn> transaction_;
};

std::optional<std::string> next_line(int from, std::string& read_ahead, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto end = read_ahead.find('\n'); end != std::string::npos) {
      std::string line = read_ahead.substr(0, end);
      read_ahead.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    pollfd readable{from, POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) <= 0) {
      if (left > 0 && errno == EINTR) continue;
      return "no answer";
    }
    std::array<char, 65536> bytes{};
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got <= 0) return std::nullopt;
    read_ahead.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

bool write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(to, text.data(), text.size());
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

[[noreturn]] void obey_all(int from, int to) {
  constexpr std::chrono::hours kForever(24);
  Obedient process;
  std::string read_ahead;
  while (const auto command = next_line(from, read_ahead, kForever)) {
    std::string answer;
    try {
      answer = process.obey(*command);
    } catch (const Error& error) {
      answer = std::string(name_of(error.code())) + " " + in_one_line(error.what());
    } catch (const std::exception& error) {
      answer = "exception " + in_one_line(error.what());
    }
    if (!write_all(to, answer + "\n")) break;
  }
  ::_exit(0);
}

}  // namespace

StoreProcess::StoreProcess(const std::function<void()>& prepare) {
  ::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  if (::pipe2(commands.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("cannot make a pipe");
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    if (prepare) prepare();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    obey_all(commands[0], answers[1]);
  }
  ::close(commands[0]);
  ::close(answers[1]);
  to_ = commands[1];
  from_ = answers[0];
}

StoreProcess::~StoreProcess() {
  kill();
  ::close(to_);
  ::close(from_);
}

// A process that was forked before it obeys, to be the first one of a namespace, ends only some time after the one that
// waits for it was killed; the other way round, both have ended.
void StoreProcess::kill() {
  if (pid_ < 0) return;
  const std::string process = std::to_string(pid_);
  std::ifstream children("/proc/" + process + "/task/" + process + "/children");
  pid_t child = -1;
  ::kill(children >> child ? child : pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void StoreProcess::tell(const std::string& command) {
  static_cast<void>(write_all(to_, command + "\n"));  // Whether it has ended the answer says.
}

std::string StoreProcess::answer() {
  constexpr std::chrono::minutes kPatience(1);
  if (pid_ < 0) return "ended";
  const auto line = next_line(from_, read_ahead_, kPatience);
  if (line == "no answer") kill();
  if (line) return *line;
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return "ended, status " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

std::string StoreProcess::ask(const std::string& command) {
  tell(command);
  return answer();
}

}  // namespace piecemark::testing
