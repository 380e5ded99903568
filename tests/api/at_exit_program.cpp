// A program that keeps stores to its very end: PROGRAM WAY STORE. Ends with status 0, and prints "begun, ended" and what
// destructors add. Nothing is flushed before the end.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "piecemark/store.h"
#ifdef PIECEMARK_TEST_STATIC_STORE
#include "tests/api/static_store.h"
#endif

namespace {

using piecemark::ReadTxn;
using piecemark::Store;
using piecemark::WriteTxn;

void insert(Store& store, const char* mark) {
  WriteTxn txn = store.write();
  txn.insert({.piece_mark = mark});
  txn.commit();
}

// Opened before main(), where the environment says which.
std::optional<Store> open_early(const char* variable) {
  const char* path = std::getenv(variable);
  return path != nullptr ? std::optional(Store::open(path)) : std::nullopt;
}

// Made before the library is used for the first time, and so destroyed after all that the library makes then.
struct WritesAtTheEnd {
  std::optional<Store> store;
  ~WritesAtTheEnd() {
    if (!store) return;
    insert(*store, "written by a destructor");
    std::cout << ", written";
  }
};
WritesAtTheEnd writes_at_the_end;
struct OpensAtTheEnd {
  std::string path;
  ~OpensAtTheEnd() {
    if (path.empty()) return;
    Store store = Store::open(path);
    insert(store, "written by a destructor");
    std::cout << ", opened and written";
  }
};
OpensAtTheEnd opens_at_the_end;
std::optional<Store> opened_early = open_early("PIECEMARK_TEST_EARLY_STORE");
std::optional<Store> opened_in_main;
std::optional<WriteTxn> transaction_in_main;
std::optional<ReadTxn> snapshot_in_main;

Store& singleton(const std::string& path) {
  static Store store = Store::open(path);
  return store;
}

Store& leaked_singleton(const std::string& path) {
  static Store& store = *new Store(Store::open(path));
  return store;
}

int use(Store& store) {
  insert(store, "written in main");
  return store.read().component_count() > 0 ? 0 : 1;
}

// Works on until the process is gone.
void work_for_ever(Store store, std::atomic<bool>& has_begun) {
  for (;;) {
    const ReadTxn snapshot = store.read();
    WriteTxn txn = store.write();
    txn.insert({.piece_mark = "T"});
    has_begun = true;
    // Some are committed, and some are open at the end.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    txn.rollback();
  }
}

int run(const std::string& way, const std::string& path) {
  if (way == "global") return use(*opened_early);
  if (way == "global_set_in_main") return use(opened_in_main.emplace(Store::open(path)));
  if (way == "singleton") return use(singleton(path));
  if (way == "leaked_singleton") return use(leaked_singleton(path));
  if (way == "thread_local") {
    thread_local Store store = Store::open(path);
    return use(store);
  }
  if (way == "transaction") {
    transaction_in_main.emplace(opened_in_main.emplace(Store::open(path)).write());
    transaction_in_main->insert({.piece_mark = "not committed"});
    return 0;
  }
  if (way == "snapshot") {
    snapshot_in_main.emplace(opened_in_main.emplace(Store::open(path)).read());
    return use(*opened_in_main);
  }
  if (way == "destructor") return use(writes_at_the_end.store.emplace(Store::open(path)));
  if (way == "opening_destructor") {
    opens_at_the_end.path = path;
    return 0;
  }
  if (way == "exit") {
    static_cast<void>(use(opened_in_main.emplace(Store::open(path))));
    std::cout << ", ended";
    std::exit(0);
  }
  if (way == "thread" || way == "thread_of_global") {
    static std::atomic<bool> has_begun{false};
    Store& store = way == "thread" ? leaked_singleton(path) : opened_in_main.emplace(Store::open(path));
    std::thread(work_for_ever, store, std::ref(has_begun)).detach();
    while (!has_begun) std::this_thread::yield();
    return 0;
  }
#ifdef PIECEMARK_TEST_STATIC_STORE
  if (way == "static_of_shared_object") return use(static_store(path));
#endif
  std::cerr << "no such way: " << way << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::cout << "begun";
  const int status = run(argv[1], argv[2]);
  std::cout << ", ended";
  return status;
}
