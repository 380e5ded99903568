#include "forked_child.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <set>

namespace piecemark::testing {
namespace {

// The parent's ends of the pipes to all children. One that a later child kept open would keep the earlier one from seeing the
// end of its requests.
std::set<int>& ends_of_parent() {
  static std::set<int> ends;
  return ends;
}

}  // namespace

ForkedChild::ForkedChild(const Work& work) {
  std::array<int, 2> to_child{};
  std::array<int, 2> to_parent{};
  if (::pipe(to_child.data()) != 0 || ::pipe(to_parent.data()) != 0) std::abort();
  id_ = ::fork();
  if (id_ == 0) {
    constexpr unsigned kSecondsMax = 300;
    ::alarm(kSecondsMax);
    ::close(to_child[1]);
    ::close(to_parent[0]);
    for (const int end : ends_of_parent()) ::close(end);
    ::_exit(work({to_parent[1], to_child[0]}));
  }
  ::close(to_child[0]);
  ::close(to_parent[1]);
  pipes_ = {to_child[1], to_parent[0]};
  ends_of_parent().insert({pipes_.to_, pipes_.from_});
}

ForkedChild::~ForkedChild() {
  ::close(pipes_.to_);
  wait();
  ::close(pipes_.from_);
  ends_of_parent().erase(pipes_.to_);
  ends_of_parent().erase(pipes_.from_);
}

int ForkedChild::wait() {
  if (id_ < 0) return -1;
  int status = -1;
  ::waitpid(id_, &status, 0);
  id_ = -1;
  constexpr int kSignalled = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

void ForkedChild::kill() {
  if (id_ > 0) ::kill(id_, SIGKILL);
  wait();
}

}  // namespace piecemark::testing
