#include "postgres_connection.h"

#include <stdexcept>

namespace piecemark::bench {
namespace {

constexpr int kBinary = 1;

std::string address_of(const std::filesystem::path& cluster) {
  return "host=" + (cluster.parent_path() / "sockets").string() +
         " user=postgres dbname=postgres client_encoding=UTF8"
         " options='-c client_min_messages=warning -c plan_cache_mode=force_generic_plan'";
}

}  // namespace

Connection::Connection(const std::filesystem::path& cluster)
    : handle_(PQconnectdb(address_of(cluster).c_str())) {
  require(PQstatus(handle_.get()) == CONNECTION_OK);
}

void Connection::execute(const std::string& statements) {
  checked(PQexec(handle_.get(), statements.c_str()));
}

void Connection::prepare(const char* name, const std::string& statement) {
  checked(PQprepare(handle_.get(), name, statement.c_str(), 0, nullptr));
}

Result Connection::run(const char* name, Parameters& parameters) {
  return checked(PQexecPrepared(handle_.get(), name, parameters.count(), parameters.values(),
                                parameters.sizes(), parameters.formats(), kBinary));
}

Result Connection::query(const std::string& statement) {
  return checked(
      PQexecParams(handle_.get(), statement.c_str(), 0, nullptr, nullptr, nullptr, nullptr, kBinary));
}

void Connection::fail() {
  throw std::runtime_error(std::string("PostgreSQL: ") + PQerrorMessage(handle_.get()));
}

void Connection::require(bool holds) {
  if (!holds) fail();
}

Result Connection::checked(PGresult* result) {
  Result owned(result);
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_COPY_IN:
    case PGRES_PIPELINE_SYNC:
      return owned;
    default:
      fail();
  }
}

void Connection::send(const char* name, Parameters& parameters) {
  require(PQsendQueryPrepared(handle_.get(), name, parameters.count(), parameters.values(),
                              parameters.sizes(), parameters.formats(), kBinary) == 1);
}

// Each statement has one result and then a null pointer; the last result is that of the synchronisation.
void Connection::take_answers(std::size_t& pending) {
  require(PQpipelineSync(handle_.get()) == 1);
  for (; pending > 0; --pending) {
    while (PGresult* const result = PQgetResult(handle_.get())) checked(result);
  }
  checked(PQgetResult(handle_.get()));
}

void Connection::send_copied(std::string& bytes) {
  require(PQputCopyData(handle_.get(), bytes.data(), static_cast<int>(bytes.size())) == 1);
  bytes.clear();
}

void Connection::end_copy() {
  require(PQputCopyEnd(handle_.get(), nullptr) == 1);
  while (PGresult* const result = PQgetResult(handle_.get())) checked(result);
}

}  // namespace piecemark::bench
