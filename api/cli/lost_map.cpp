#include "api/cli/lost_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/cli/verbs.h"

// Everything below runs in a signal handler: only calls that POSIX allows there, and no memory but its own.
namespace piecemark::cli {
namespace {

// The system's list of what is mapped. Far smaller in this program; a part of it will do.
std::array<char, 1 << 18> list_of_maps;

std::string_view read_list_of_maps() {
  const int file = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::size_t size = 0;
  while (size < list_of_maps.size()) {
    const ssize_t got = ::read(file, list_of_maps.data() + size, list_of_maps.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(file);
  return {list_of_maps.data(), size};
}

// A line reads: "7f0000000000-7f1000000000 r--s 00000000 fe:01 131076   /home/site.pmk". Of the files that this program
// maps only stores and their lock files are shared ("s") with other processes.
std::optional<std::string_view> store_mapped_by(std::string_view line, std::uintptr_t address) {
  std::uintptr_t from = 0;
  std::uintptr_t to = 0;
  const char* const end = line.data() + line.size();
  const char* at = std::from_chars(line.data(), end, from, 16).ptr;
  if (at == end || *at != '-') return std::nullopt;
  at = std::from_chars(at + 1, end, to, 16).ptr;
  constexpr std::size_t kSharing = 4;  // behind the blank and "r--"
  const std::string_view rest(at, static_cast<std::size_t>(end - at));
  if (address < from || address >= to || rest.size() <= kSharing || rest[kSharing] != 's')
    return std::nullopt;
  const std::size_t name = rest.find('/');
  return name == std::string_view::npos ? std::nullopt : std::optional(rest.substr(name));
}

std::optional<std::string_view> store_mapped_at(std::uintptr_t address) {
  std::string_view list = read_list_of_maps();
  while (!list.empty()) {
    const std::size_t end = list.find('\n');
    if (const auto name = store_mapped_by(list.substr(0, end), address)) return name;
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return std::nullopt;
}

// Written with one call, so that nothing of another process comes between.
class Message {
 public:
  Message& operator<<(std::string_view text) {
    for (const char c : text) {
      if (size_ < text_.size()) text_[size_++] = c;
    }
    return *this;
  }
  // Nothing that could steer a terminal: what is not plain ASCII becomes '?'.
  Message& plainly(std::string_view text) {
    for (const char c : text) *this << (c >= ' ' && c <= '~' ? std::string_view(&c, 1) : "?");
    return *this;
  }
  void write() const {
    std::string_view rest(text_.data(), size_);
    while (!rest.empty()) {
      const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (written <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }

 private:
  std::array<char, 8192> text_{};  // has room for the longest path
  std::size_t size_ = 0;
};

// Threads that read the same file meet its end together; one of them speaks.
std::atomic_flag is_being_told;

void on_bus_error(int signal, siginfo_t* info, void*) {
  if (is_being_told.test_and_set()) {
    for (;;) ::pause();
  }
  const auto name = store_mapped_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  if (!name) {
    std::signal(signal, SIG_DFL);  // Met once more on return.
    return;
  }
  Message message;
  message << "piecemark: cannot go on with '";
  message.plainly(*name);
  message
      << "': io_error\n"
         "  found      a page that cannot be read any more: the file was cut short while in use, or the disk "
         "fails\n"
         "  next       get the file again, or go back to a backup; a transaction that was open is not "
         "stored\n";
  message.write();
  ::_exit(exit_file_unusable);
}

}  // namespace

void end_cleanly_on_lost_map() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace piecemark::cli
