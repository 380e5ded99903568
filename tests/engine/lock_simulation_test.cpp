// The lock protocol in a simulation: processes, time, deaths and wake-ups follow a seed. file_locks_test.cpp tries it with
// real processes.
//
// PIECEMARK_SEEDS=n simulates n seeds; PIECEMARK_SEED=n the seed n alone, which a failure names.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "engine/file_locks.h"
#include "piecemark/error.h"

namespace piecemark::engine {
namespace {

using os::LockMode;
using namespace std::chrono_literals;

constexpr std::chrono::microseconds kFallback =
    20ms;  // Those who wait look again so often without being woken.
constexpr unsigned kStepsMax = 100'000;
constexpr unsigned kOvertakenMax = 400;  // How many others come before one who waits for `write`.

// A process of the simulation ends here.
struct Killed {};
// Thrown by on_wait.
struct GiveUp {};

// What may go wrong, each once in so many calls; 0 is never.
struct Faults {
  unsigned death = 0;
  unsigned spurious_wake = 0;
  unsigned refusal = 0;  // by the system, which has no memory for a lock
  bool without_signal = false;
};

enum class Role { none, writer, sharer };
enum class GateRole { none, opener, maker };

// A process waits for it without a spin, which would take the processor from the one that runs.
class Turn {
 public:
  void give() {
    {
      const std::lock_guard lock(mutex_);
      is_given_ = true;
    }
    changed_.notify_one();
  }
  void await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_given_; });
    is_given_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_given_ = false;
};

// For as long as it lives, this thread and those that it starts run on one processor: of threads that take turns none has to
// be woken on another one.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(std::max(::sched_getcpu(), 0)), &one);
    is_changed_ = ::sched_getaffinity(0, sizeof before_, &before_) == 0 &&
                  ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;
  ~OnOneProcessor() {
    if (is_changed_) ::sched_setaffinity(0, sizeof before_, &before_);
  }

 private:
  cpu_set_t before_{};
  bool is_changed_ = false;
};

// A machine: each process is a thread, of which one runs at a time. At every call of the protocol the next one is picked by
// the seed. Time passes with every step, and goes on to the next alarm where everybody sleeps.
class Simulation final : public LockSystem {
 public:
  Simulation(std::uint64_t seed, const Faults& faults) : random_(seed), faults_(faults) {
    stays_in_8_ = 2 + choose(5);
  }

  using Program = std::function<void(int process)>;
  // Each program as a process of its own; returns when all have ended.
  void run(const std::vector<Program>& programs) {
    for (std::size_t i = 0; i < programs.size(); ++i) processes_.push_back(std::make_unique<Process>());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      threads.emplace_back([this, &programs, i] {
        Process& own = *processes_[i];
        own.turn.await();
        try {
          programs[i](static_cast<int>(i));
        } catch (const Killed&) {
          // What it did to the shared words while its stack was unwound, no killed process does.
          changes = own.changes_at_death;
          waiters = own.waiters_at_death;
        }
        own.has_ended = true;
        pass_on();
      });
    }
    pass_on();
    for (std::thread& thread : threads) thread.join();
    if (failure_.empty() && deaths_ == 0) {
      require(waiters == 0, "those who wait are counted wrongly");
      require(locks_.empty(), "a lock is left at the end");
    }
  }

  const std::string& failure() const { return failure_; }

  // ---- The system

  std::error_code try_lock(int process, const os::ByteRange& range, LockMode mode) override {
    step(true);
    if (occurs(faults_.refusal)) return std::make_error_code(std::errc::no_lock_available);
    ++own().attempts;
    const bool is_granted = conflict(process, range, mode) == nullptr;
    if (is_granted) {
      drop(process, range);
      locks_.push_back({process, range, mode});
    }
    step(true);
    return is_granted ? std::error_code() : std::make_error_code(std::errc::resource_unavailable_try_again);
  }
  void unlock(int process, const os::ByteRange& range) noexcept override {
    if (step(false)) return;
    drop(process, range);
    step(false);
  }
  std::optional<os::ByteRange> conflicting_lock(int process, const os::ByteRange& range,
                                                LockMode mode) override {
    step(true);
    const Lock* const lock = conflict(process, range, mode);
    return lock != nullptr ? std::optional(lock->range) : std::nullopt;
  }
  Deadline now() override {
    step(true);
    return now_;
  }
  void wait(const std::atomic<std::uint32_t>* word, std::uint32_t seen,
            std::chrono::microseconds time) override {
    step(true);
    require(time <= kFallback, "sleeps for longer than the fallback interval");
    if (word != nullptr && *word != seen) return;
    own().waits_for_change = word != nullptr;
    sleep_for(time);
    own().waits_for_change = false;
    step(true);
  }
  void wake(const std::atomic<std::uint32_t>&) noexcept override {
    if (step(false)) return;
    ++own().wakes;
    ++wakes_;
    for (const auto& process : processes_)
      if (process->waits_for_change) process->wakes_at = now_;
  }

  // ---- For programs

  LockSignal signal() { return {.changes = &changes, .waiters = &waiters}; }
  Deadline time() const { return now_; }
  unsigned choose(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool occurs(unsigned one_in) { return one_in != 0 && choose(one_in) == 0; }
  // Works for a while, with what it holds.
  void work(unsigned kind) {
    for (unsigned i = choose(4); i > 0; --i) step(true);
    if (kind == 0) sleep_for(std::chrono::microseconds(choose(3000)));
  }
  void sleep_for(std::chrono::microseconds time) {
    own().wakes_at = now_ + time;
    pass_on();
    ++own().own_wakes;
  }

  // What the process waits for from now on, for the check that nobody sleeps beside a lock that is free.
  void begin_acquiring(Role role, GateRole gate) {
    require_alive();
    Process& process = own();
    process.wants = role;
    process.wants_gate = gate;
    process.overtaken = 0;
    process.attempts = 0;
    process.own_wakes = 0;
    process.wakes_of_others = wakes_ - process.wakes;
  }
  void end_acquiring(bool is_granted) {
    require_alive();
    Process& process = own();
    const std::uint64_t reasons = wakes_ - process.wakes - process.wakes_of_others + process.own_wakes;
    require(process.attempts <= 8 + 4 * reasons, "tries again although nothing has changed");
    const Role role = std::exchange(process.wants, Role::none);
    const GateRole gate = std::exchange(process.wants_gate, GateRole::none);
    if (!is_granted) return;
    if (role != Role::none) {
      process.role = role;
      check_writers();
      for (const auto& other : processes_) {
        if (other->has_ended || other->is_dead || other->wants == Role::none) continue;
        tally.overtaken_most = std::max<std::uint64_t>(tally.overtaken_most, other->overtaken + 1);
        require(++other->overtaken <= kOvertakenMax,
                other->wants == Role::writer ? "a writer starves" : "one who shares starves");
      }
    }
    if (gate != GateRole::none) {
      process.gate_role = gate;
      check_gate();
    }
  }
  void let_go_of_write() {
    require_alive();
    own().role = Role::none;
  }
  void let_go_of_gate() {
    require_alive();
    own().gate_role = GateRole::none;
  }
  // The caller has neither.
  void check_nothing_is_held(FileLock lock, const char* when) {
    require_alive();
    for (const Lock& held : locks_)
      require(held.process != current_ || region_of(held.range) != lock,
              std::string("a lock is left after ") + when);
  }
  void require(bool is_true, const std::string& else_failure) {
    if (!is_true && failure_.empty()) failure_ = else_failure;
  }

  // How much there was of each, over all seeds.
  struct Tally {
    std::uint64_t overtaken_most, writes, shares, makings, timeouts, given_up, refusals, deaths, idle_checks,
        steps;
  };
  static inline Tally tally{};

  std::atomic<std::uint32_t> changes{0};
  std::atomic<std::uint32_t> waiters{0};

 private:
  struct Lock {
    int process;
    os::ByteRange range;
    LockMode mode;
  };
  struct Process {
    Turn turn;
    Deadline wakes_at{};  // It can run from then on.
    bool waits_for_change = false;
    bool is_dead = false;
    bool has_ended = false;
    std::uint32_t changes_at_death = 0;
    std::uint32_t waiters_at_death = 0;
    Role role = Role::none;
    Role wants = Role::none;
    GateRole gate_role = GateRole::none;
    GateRole wants_gate = GateRole::none;
    unsigned overtaken = 0;  // since it wants to write
    std::uint64_t attempts = 0;
    std::uint64_t own_wakes = 0;  // by the alarm, or by nothing
    std::uint64_t wakes = 0;      // that it gave to others
    std::uint64_t wakes_of_others = 0;
  };

  Process& own() { return *processes_[static_cast<std::size_t>(current_)]; }
  void require_alive() {
    if (own().is_dead) throw Killed{};
  }

  // A point at which another process may run, or this one die. True where it is dead and cannot throw.
  bool step(bool may_throw) {
    if (!own().is_dead && (occurs(faults_.death) || !failure_.empty() || ++steps_ > kStepsMax)) die();
    if (own().is_dead) {
      if (may_throw) throw Killed{};
      return true;
    }
    ++tally.steps;
    now_ += std::chrono::microseconds(choose(6));
    own().wakes_at = now_;
    if (occurs(faults_.spurious_wake)) {
      Process& any = *processes_[choose(static_cast<unsigned>(processes_.size()))];
      if (any.waits_for_change) any.wakes_at = now_;
    }
    if (choose(8) >= stays_in_8_) pass_on();
    return false;
  }

  // Nothing is released in order, and nobody is woken.
  void die() {
    require(steps_ <= kStepsMax, "does not come to an end");
    Process& process = own();
    process.is_dead = true;
    process.role = process.wants = Role::none;
    process.gate_role = process.wants_gate = GateRole::none;
    process.changes_at_death = changes;
    process.waiters_at_death = waiters;
    std::erase_if(locks_, [&](const Lock& lock) { return lock.process == current_; });
    ++deaths_;
    ++tally.deaths;
  }

  // Lets another process run, or the same; returns when this one runs again, or has ended.
  void pass_on() {
    const int before = current_;
    const bool has_ended = before >= 0 && own().has_ended;
    const int next = pick();
    if (next == before || next < 0) return;
    current_ = next;
    processes_[static_cast<std::size_t>(next)]->turn.give();
    if (before >= 0 && !has_ended) processes_[static_cast<std::size_t>(before)]->turn.await();
  }

  // -1 where all have ended.
  int pick() {
    std::array<int, 8> ready{};
    unsigned count = 0;
    std::optional<Deadline> next_alarm;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      const Process& process = *processes_[i];
      if (process.has_ended) continue;
      if (process.wakes_at <= now_) ready.at(count++) = static_cast<int>(i);
      next_alarm = std::min(next_alarm.value_or(Deadline::max()), process.wakes_at);
    }
    if (!next_alarm) return -1;
    if (count > 0) return ready.at(choose(count));
    check_sleepers();
    now_ = *next_alarm;
    return pick();
  }

  // Where everybody sleeps, nobody may sleep beside a lock that is free; only a process that ends wakes nobody, and one that
  // has no signal.
  void check_sleepers() {
    if (deaths_ > 0 || faults_.without_signal) return;
    ++tally.idle_checks;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      const Process& process = *processes_[i];
      if (process.has_ended || !process.waits_for_change) continue;
      const int at = static_cast<int>(i);
      bool is_grantable = false;
      if (process.wants != Role::none) {
        const LockMode mode = process.wants == Role::writer ? LockMode::exclusive : LockMode::shared;
        is_grantable = is_free(at, holds(at, FileLock::pending) ? FileLock::write : FileLock::pending, mode);
      } else if (process.wants_gate != GateRole::none) {
        is_grantable =
            is_free(at, FileLock::gate,
                    process.wants_gate == GateRole::maker ? LockMode::exclusive : LockMode::shared);
      }
      require(!is_grantable, "a wake-up is lost");
    }
  }

  void check_writers() {
    const auto count = [&](Role role) {
      return std::count_if(processes_.begin(), processes_.end(),
                           [&](const auto& p) { return p->role == role; });
    };
    require(count(Role::writer) <= 1, "two writers");
    require(count(Role::writer) == 0 || count(Role::sharer) == 0, "a writer beside one who shares");
  }
  void check_gate() {
    const auto count = [&](GateRole role) {
      return std::count_if(processes_.begin(), processes_.end(),
                           [&](const auto& p) { return p->gate_role == role; });
    };
    require(count(GateRole::maker) <= 1, "two makers");
    require(count(GateRole::maker) == 0 || count(GateRole::opener) == 0, "a maker beside an opener");
  }

  // As FORMAT.md has the regions.
  static FileLock region_of(const os::ByteRange& range) {
    return static_cast<FileLock>(range.begin >> 48 & 7);
  }
  bool holds(int process, FileLock lock) const {
    return std::any_of(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process == process && region_of(held.range) == lock;
    });
  }
  bool is_free(int process, FileLock lock, LockMode mode) const {
    return std::none_of(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process != process && region_of(held.range) == lock &&
             (mode == LockMode::exclusive || held.mode == LockMode::exclusive);
    });
  }
  static bool overlap(const os::ByteRange& a, const os::ByteRange& b) {
    return a.begin < b.begin + b.size && b.begin < a.begin + a.size;
  }
  const Lock* conflict(int process, const os::ByteRange& range, LockMode mode) const {
    const auto found = std::find_if(locks_.begin(), locks_.end(), [&](const Lock& held) {
      return held.process != process && overlap(held.range, range) &&
             (mode == LockMode::exclusive || held.mode == LockMode::exclusive);
    });
    return found == locks_.end() ? nullptr : &*found;
  }
  void drop(int process, const os::ByteRange& range) {
    std::erase_if(locks_,
                  [&](const Lock& held) { return held.process == process && overlap(held.range, range); });
  }

  std::mt19937_64 random_;
  Faults faults_;
  unsigned stays_in_8_ = 0;
  std::vector<std::unique_ptr<Process>> processes_;
  int current_ = -1;
  Deadline now_{1h};
  std::vector<Lock> locks_;
  unsigned steps_ = 0;
  unsigned deaths_ = 0;
  std::uint64_t wakes_ = 0;
  std::string failure_;
};

// Writers, openers, readers who verify, and makers of one seed.
class World {
 public:
  explicit World(std::uint64_t seed)
      : simulation_(seed * 2654435761U + 1, faults_of(seed)), faults_(faults_of(seed)) {}

  std::string failure() {
    const unsigned writers = 1 + simulation_.choose(3);
    const unsigned sharers = simulation_.choose(4);
    std::vector<Simulation::Program> programs;
    writers_left_ = writers;
    for (unsigned i = 0; i < writers; ++i) {
      const unsigned kind = simulation_.choose(3);
      programs.emplace_back([this, kind](int process) {
        const Leaving leaving{writers_left_};
        write(process, kind);
      });
    }
    for (unsigned i = 0; i < sharers; ++i) {
      const unsigned kind = simulation_.choose(4);
      const bool has_signal = !faults_.without_signal || simulation_.choose(2) == 0;
      programs.emplace_back([this, kind, has_signal](int process) { share(process, kind, has_signal); });
    }
    if (simulation_.choose(4) == 0) programs.emplace_back([this](int process) { make(process); });
    simulation_.run(programs);
    return simulation_.failure();
  }

 private:
  struct Leaving {
    unsigned& left;
    ~Leaving() { --left; }
  };

  static Faults faults_of(std::uint64_t seed) {
    switch (seed % 4) {
      case 1:
        return {.spurious_wake = 20};
      case 2:
        return {.death = 150, .spurious_wake = 40, .refusal = 200};
      case 3:
        return {.refusal = 60, .without_signal = true};
      default:
        return {};
    }
  }

  FileLocks locks_of(int process, bool has_signal = true) {
    FileLocks locks(process, "store", {static_cast<std::uint32_t>(process) + 1, 0}, simulation_);
    if (has_signal) locks.set_signal(simulation_.signal());
    return locks;
  }

  // One acquisition, its checks, and what comes of it.
  template <class Acquire>
  bool acquire(Role role, GateRole gate, Deadline deadline, const Acquire& acquire_now) {
    Simulation& s = simulation_;
    s.begin_acquiring(role, gate);
    bool is_granted = false;
    const char* refused = "a time-out";
    try {
      is_granted = acquire_now();
      if (!is_granted) {
        s.require(s.time() >= deadline, "gives up before its time");
        s.require(s.time() <= deadline + kFallback, "gives up too late");
        ++Simulation::tally.timeouts;
      }
    } catch (const GiveUp&) {
      refused = "on_wait has thrown";
      ++Simulation::tally.given_up;
    } catch (const Error&) {
      refused = "the system has refused";
      ++Simulation::tally.refusals;
    }
    s.end_acquiring(is_granted);
    if (role != Role::none) s.check_nothing_is_held(FileLock::pending, is_granted ? "success" : refused);
    if (role != Role::none && !is_granted) s.check_nothing_is_held(FileLock::write, refused);
    if (gate != GateRole::none && !is_granted) s.check_nothing_is_held(FileLock::gate, refused);
    return is_granted;
  }

  void write(int process, unsigned kind) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process);
    for (unsigned turn = 0; turn < 3; ++turn) {
      const bool is_impatient = s.choose(4) == 0;
      const Deadline deadline = s.time() + (is_impatient ? std::chrono::microseconds(s.choose(4000)) : 10min);
      unsigned patience = s.choose(8) == 0 ? 1 + s.choose(3) : 0;
      const OnWait on_wait = [&] {
        if (patience > 0 && --patience == 0) throw GiveUp{};
      };
      const bool tries = s.choose(8) == 0;
      const bool is_granted = acquire(Role::writer, GateRole::none, tries ? s.time() : deadline, [&] {
        return tries ? locks.try_acquire_write() : locks.acquire_write(deadline, on_wait);
      });
      if (is_granted) {
        ++Simulation::tally.writes;
        s.work(kind);
        s.let_go_of_write();
        locks.release(FileLock::write);
      }
      if (kind == 1) s.work(0);
    }
  }

  // Comes again and again, for as long as somebody wants to write.
  void share(int process, unsigned kind, bool has_signal) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process, has_signal);
    do {
      const Deadline deadline = s.time() + std::chrono::microseconds(50'000);
      const bool is_opener = kind != 3;
      if (is_opener) {
        const auto pass_gate = [&] { return locks.acquire(FileLock::gate, LockMode::shared, deadline); };
        if (!acquire(Role::none, GateRole::opener, deadline, pass_gate)) continue;
      }
      if (acquire(Role::sharer, GateRole::none, deadline, [&] { return locks.share_write(deadline); })) {
        ++Simulation::tally.shares;
        s.work(has_signal ? kind : 0);  // Who has no signal makes a copy, which takes a while.
        s.let_go_of_write();
        locks.release(FileLock::write);
      }
      if (is_opener) {
        s.let_go_of_gate();
        locks.release(FileLock::gate);
      }
      if (kind == 2) s.work(0);
    } while (writers_left_ > 0 && simulation_.failure().empty());
  }

  void make(int process) {
    Simulation& s = simulation_;
    FileLocks locks = locks_of(process);
    for (unsigned turn = 0; turn < 3; ++turn) {
      const Deadline deadline = s.time() + std::chrono::microseconds(s.choose(20'000));
      const auto acquire_gate = [&] { return locks.acquire(FileLock::gate, LockMode::exclusive, deadline); };
      if (!acquire(Role::none, GateRole::maker, deadline, acquire_gate)) continue;
      ++Simulation::tally.makings;
      s.work(1);
      s.let_go_of_gate();
      locks.release(FileLock::gate);
    }
  }

  Simulation simulation_;
  Faults faults_;
  unsigned writers_left_ = 0;
};

std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

TEST(LockSimulation, IsSafeAndFairWhateverTheOrder) {
  const OnOneProcessor one_processor;
  const std::uint64_t alone = from_environment("PIECEMARK_SEED", 0);
  const std::uint64_t seeds = from_environment("PIECEMARK_SEEDS", 2000);
  const std::uint64_t first = alone > 0 ? alone : 1;
  const std::uint64_t last = alone > 0 ? alone : seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed)
    ASSERT_EQ(World(seed).failure(), "") << "again with PIECEMARK_SEED=" << seed;
  if (alone > 0 || seeds < 500) return;
  const Simulation::Tally& tally = Simulation::tally;
  RecordProperty("overtaken_most", std::to_string(tally.overtaken_most));
  const std::vector<std::pair<const char*, std::uint64_t>> tried{
      {"writes", tally.writes},     {"shares", tally.shares},           {"makings", tally.makings},
      {"timeouts", tally.timeouts}, {"given_up", tally.given_up},       {"refusals", tally.refusals},
      {"deaths", tally.deaths},     {"idle_checks", tally.idle_checks}, {"steps", tally.steps}};
  for (const auto& [what, count] : tried) {
    RecordProperty(what, std::to_string(count));
    EXPECT_GE(count, seeds / 20) << what << ": the simulation has stopped trying it";
  }
}

}  // namespace
}  // namespace piecemark::engine
