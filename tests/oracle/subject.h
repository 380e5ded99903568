// Piecemark as the oracle's counterpart: asked through lines of `exec`, or through the public API.
#pragma once

#include <optional>
#include <string>

#include "api/text/exec.h"
#include "piecemark/store.h"
#include "tests/oracle/operation.h"

namespace piecemark::oracle {

// Takes the message off an answer of `exec`.
std::string without_message(std::string answer);

class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::string answer(const Operation& operation) = 0;
};

class ExecSubject final : public Subject {
 public:
  explicit ExecSubject(Store& store) : session_(store) {}
  std::string answer(const Operation& operation) override {
    return without_message(session_.answer(to_line(operation)));
  }

 private:
  text::ExecSession session_;
};

class ApiSubject final : public Subject {
 public:
  explicit ApiSubject(Store& store) : store_(store) {}
  std::string answer(const Operation& operation) override;

 private:
  std::string perform(const Operation& operation);
  std::string write(const Operation& operation, WriteTxn& transaction);
  std::string insert(const Operation& operation, WriteTxn& transaction);
  template <class Transaction>
  std::string read(const Operation& operation, const Transaction& transaction);

  Store& store_;
  std::optional<WriteTxn> transaction_;
  unsigned inserts_ = 0;
};

// All drawings and all components of the store.
std::string dump(const Store& store, Doubles doubles);

}  // namespace piecemark::oracle
