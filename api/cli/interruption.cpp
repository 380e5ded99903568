#include "api/cli/interruption.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <string_view>

#include "engine/file_in_creation.h"
#include "engine/os.h"

namespace piecemark::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t requested = 0;    // the signal
volatile std::sig_atomic_t is_deferred = 0;  // While there is an Interruption.

// A task that is busy for longer, or waits for who reads its output, ends where it is.
constexpr unsigned kSecondsToSafePoint = 2;

void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // Where a handler calls this, when that returns.
}

void on_signal(int signal) {
  if (is_deferred != 0 && requested == 0) {
    requested = signal;
    ::alarm(kSecondsToSafePoint);
    return;
  }
  engine::remove_files_in_creation();
  engine::os::write_in_handler("piecemark: canceled by a signal\n");
  const bool was_late = signal == SIGALRM && requested != 0;  // Others may send that one too.
  end_by(was_late ? requested : signal);
}

}  // namespace

void say_interruptions() {
  for (const int signal : kSignals) {
    struct sigaction before {};
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    // Whoever started the program may want it to go on, as nohup does.
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  std::signal(SIGALRM, on_signal);
}

Interruption::Interruption() {
  is_deferred = 1;
}

Interruption::~Interruption() {
  is_deferred = 0;
}

bool Interruption::is_requested() {
  return requested != 0;
}

void end_if_interrupted() {
  ::alarm(0);
  if (requested != 0) end_by(requested);
}

}  // namespace piecemark::cli
