#pragma once

#include <filesystem>

namespace piecemark::bench {

// Whether PostgreSQL's programs are installed where this program looks for them.
bool is_postgres_installed();

// A PostgreSQL server for one cluster, which it makes first where there is none. It listens on a socket in the
// folder that the cluster lies in, and stops with this object, or when this process ends.
//
// Started by root it runs as the user postgres, who gets the cluster and may enter the folders above it.
//
// Errors  std::runtime_error  initdb failed, or the server ended or did not answer for a minute
class PostgresServer {
 public:
  explicit PostgresServer(const std::filesystem::path& cluster);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

 private:
  int process_ = -1;
};

}  // namespace piecemark::bench
