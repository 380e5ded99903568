#include "api/cli/interruption.h"

#include <array>
#include <csignal>

namespace piecemark::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t requested = 0;
std::array<struct sigaction, kSignals.size()> before;

}  // namespace

Interruption::Interruption() {
  requested = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { requested = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    // Whoever started the program may want it to go on, as nohup does.
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

bool Interruption::is_requested() {
  return requested != 0;
}

}  // namespace piecemark::cli
