// A forked child of a test, and the two pipes by which they talk.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <type_traits>

namespace piecemark::testing {

// Ends with its object, or by itself after five minutes. To be made while the process has one thread.
class ForkedChild {
 public:
  // One end of each pipe.
  class Pipes {
   public:
    Pipes(int to, int from) : to_(to), from_(from) {}

    // False once the other side has gone.
    template <class T>
    bool send(const T& message) const {
      static_assert(std::is_trivially_copyable_v<T>);
      return ::write(to_, &message, sizeof message) == sizeof message;
    }
    template <class T>
    bool receive(T& message) const {
      static_assert(std::is_trivially_copyable_v<T>);
      return ::read(from_, &message, sizeof message) == sizeof message;
    }

   private:
    friend class ForkedChild;
    int to_;
    int from_;
  };

  // Runs in the child and gives its exit status. Ends when it has nothing to receive any more.
  using Work = std::function<int(const Pipes& pipes)>;
  explicit ForkedChild(const Work& work);
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild();

  const Pipes& pipes() const { return pipes_; }
  pid_t id() const { return id_; }
  // Until it has ended: its exit status, or 128 + signal.
  int wait();
  void kill();

 private:
  Pipes pipes_{-1, -1};
  pid_t id_ = -1;
};

}  // namespace piecemark::testing
