#include "postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace piecemark::bench {
namespace {

const std::filesystem::path kPrograms = PIECEMARK_POSTGRES_PROGRAMS;
constexpr std::chrono::seconds kPatience{60};

// Durable, and as its manual advises for rows that fit into memory and are loaded in bulk: a cache for all of
// them, room for the log between checkpoints, no log for a table that is filled in the transaction that emptied
// it. What runs by itself from time to time is done by settle() instead.
const std::vector<std::string> kSettings{
    "listen_addresses=",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=2GB",
    "maintenance_work_mem=512MB",
    "work_mem=64MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "jit=off",
    "max_connections=8",
};

// Who runs the server where root may not; nullopt if that is ourselves.
struct User {
  std::string name;
  uid_t uid;
  gid_t gid;
};
std::optional<User> server_user() {
  if (geteuid() != 0) return std::nullopt;
  const passwd* const user = getpwnam("postgres");
  if (user == nullptr) throw std::runtime_error("there is no user postgres to run the server");
  return User{user->pw_name, user->pw_uid, user->pw_gid};
}

// Everything under the folder, and the folder, to the user.
void give(const std::filesystem::path& folder, const User& user) {
  const auto give_one = [&](const std::filesystem::path& path) {
    if (lchown(path.c_str(), user.uid, user.gid) == 0) return;
    throw std::system_error(errno, std::generic_category(), "cannot give away " + path.string());
  };
  give_one(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) give_one(entry.path());
}

// In the child: becomes the program, and does not outlive this process.
[[noreturn]] void become(const std::vector<std::string>& command, const std::filesystem::path& log,
                         const std::optional<User>& user) {
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const bool is_ready = output >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0 &&
                        (!user || (initgroups(user->name.c_str(), user->gid) == 0 && setgid(user->gid) == 0 &&
                                   setuid(user->uid) == 0)) &&
                        prctl(PR_SET_PDEATHSIG, SIGINT) == 0 && chdir("/") == 0;
  if (is_ready) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execv(arguments.front(), arguments.data());
  }
  _exit(127);
}

pid_t start(const std::vector<std::string>& command, const std::filesystem::path& log,
            const std::optional<User>& user) {
  const pid_t process = fork();
  if (process < 0) throw std::system_error(errno, std::generic_category(), "cannot start a process");
  if (process == 0) become(command, log, user);
  return process;
}

void make_cluster(const std::filesystem::path& cluster, const std::filesystem::path& log,
                  const std::optional<User>& user) {
  std::filesystem::create_directory(cluster);
  if (user) give(cluster, *user);
  const pid_t process = start({kPrograms / "initdb", "--pgdata=" + cluster.string(), "--username=postgres",
                               "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"},
                              log, user);
  int status = 0;
  if (waitpid(process, &status, 0) != process || status != 0) {
    throw std::runtime_error("initdb failed in " + cluster.string());
  }
}

}  // namespace

bool is_postgres_installed() {
  return access((kPrograms / "initdb").c_str(), X_OK) == 0 &&
         access((kPrograms / "postgres").c_str(), X_OK) == 0;
}

PostgresServer::PostgresServer(const std::filesystem::path& cluster) {
  const std::filesystem::path folder = cluster.parent_path();
  const std::filesystem::path log = folder / "server.log";
  const std::optional<User> user = server_user();
  if (user) {
    // Enough to enter it: the cluster itself is the server's alone.
    std::filesystem::permissions(folder,
                                 std::filesystem::perms::group_exec | std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    const std::filesystem::path sockets = folder / "sockets";
    std::filesystem::create_directory(sockets);
    give(sockets, *user);
  } else {
    std::filesystem::create_directory(folder / "sockets");
  }
  if (std::filesystem::exists(cluster / "PG_VERSION")) {
    if (user) give(cluster, *user);
  } else {
    make_cluster(cluster, log, user);
  }

  std::vector<std::string> command{kPrograms / "postgres", "-D", cluster, "-k", folder / "sockets"};
  for (const std::string& setting : kSettings) {
    command.insert(command.end(), {"-c", setting});
  }
  process_ = start(command, log, user);
  const std::string connection = "host=" + (folder / "sockets").string() + " user=postgres dbname=postgres";
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (PQping(connection.c_str()) != PQPING_OK) {
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_) {
      process_ = -1;
      throw std::runtime_error("PostgreSQL did not start in " + cluster.string());
    }
    if (std::chrono::steady_clock::now() > deadline) {
      kill(process_, SIGQUIT);
      waitpid(process_, &status, 0);
      throw std::runtime_error("PostgreSQL does not answer in " + cluster.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// A fast shutdown: the server writes everything to its files first.
PostgresServer::~PostgresServer() {
  kill(process_, SIGINT);
  waitpid(process_, nullptr, 0);
}

}  // namespace piecemark::bench
