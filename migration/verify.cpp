#include "verify.h"

#include <unordered_set>

#include "history.h"
#include "holdings.h"
#include "index/constraints.h"
#include "proven.h"
#include "stash.h"

namespace piecemark::migration {
namespace {

constexpr std::size_t kProblemsKept = 1000;

class Verifier {
 public:
  Verifier(const engine::ReadTransaction& transaction, const index::Components& components, Watch& watch)
      : transaction_(transaction),
        components_(components),
        environment_(*transaction.environment()),
        watch_(watch) {}

  Verification run() {
    try {
      verify_everything();
    } catch (const Stopped&) {
      throw watch_.canceled();
    }
    return std::move(result_);
  }

 private:
  // Not an Error, which whoever visits rows takes for damage.
  struct Stopped {};

  void advance() {
    try {
      watch_.advance();
    } catch (const Error&) {
      throw Stopped();
    }
  }

  void verify_everything() {
    guarded("the notes of the library", [&] { environment_.verify_notes(transaction_); });
    guarded("drawings", [&] { verify_drawings(); });
    guarded("components", [&] { verify_components(); });
    guarded("the stash", [&] { verify_stash(); });
    guarded("the history", [&] { verify_history(); });
    guarded("the proof of the last migration", [&] { verify_proof(); });
    verify_other_formats();
  }

  void report(std::string problem) {
    ++result_.problem_count;
    if (result_.problems.size() < kProblemsKept) result_.problems.push_back(std::move(problem));
  }

  // For what touches neither content nor indexes.
  void note(std::string what) {
    if (result_.notes.size() < kProblemsKept) result_.notes.push_back(std::move(what));
  }

  // Damage that ends the reading of one part leaves the others to be read.
  template <class Part>
  void guarded(const char* what, const Part& part) {
    try {
      part();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io_error) throw;  // No memory, say: nothing that is wrong with the file.
      report(std::string(what) + ": " + error.facts().attempted + ": " + error.facts().found);
    }
  }

  void verify_drawings() {
    components_.drawings().verify(
        transaction_,
        [&](const Drawing& drawing) {
          ++result_.drawings;
          advance();
          drawings_.insert(drawing.id);
          if (const auto verdict = index::check_input(drawing))
            report("drawing " + drawing.id.to_string() + ": " + verdict->message);
        },
        [&](std::string problem) { report(std::move(problem)); });
  }

  void verify_components() {
    components_.layout().verify(
        transaction_,
        [&](const ComponentRow& row) {
          ++result_.components;
          advance();
          verify_row(row);
        },
        [&](std::string problem) { report(std::move(problem)); });
  }

  void verify_row(ComponentRow row) {
    const auto complain = [&](const std::string& message) {
      report("component " + row.id.to_string() + ": " + message);
    };
    if (const auto verdict = index::check_input(components_.format(), row, json_)) complain(verdict->message);
    if (const auto verdict = index::check_values(row)) complain(verdict->message);
    if (row.drawing_id && !drawings_.contains(*row.drawing_id)) {
      complain("drawing " + row.drawing_id->to_string() + " is not there");
    }
  }

  void verify_stash() {
    Stash(table(index::TableId::stash)).for_each(transaction_, [&](Stash::State, const StashRow&) {
      ++result_.stash_entries;
    });
  }

  void verify_history() {
    std::uint64_t expected = 1;
    History(table(index::TableId::history)).for_each(transaction_, [&](const Receipt& receipt) {
      ++result_.receipts;
      const std::string name = "receipt " + std::to_string(receipt.number) + ": ";
      if (receipt.number > expected) note(name + "the one before it is missing");
      if (receipt.number < expected) note(name + "out of order");
      expected = std::uint64_t{receipt.number} + 1;
      if (!same_content(receipt.before, receipt.after))
        note(name + "the fingerprints before and after differ");
    });
  }

  // As long as nothing was written since, the file holds what the last receipt says.
  void verify_proof() {
    const auto number = proven_receipt(transaction_);
    if (!number) return;
    const auto receipt = History(table(index::TableId::history)).last(transaction_);
    if (!receipt || receipt->number != *number) {
      note("the mark of the last migration names receipt " + std::to_string(*number) +
           ", which is not the last one");
      return;
    }
    const index::Format* from = index::format_numbered(receipt->from);
    const index::Format* to = index::format_numbered(receipt->to);
    if (from == nullptr || to != &components_.format()) {
      note("receipt " + std::to_string(*number) + ": not a migration to the format of the file");
      return;
    }
    const Holdings now = count_holdings({transaction_, components_, Stash(table(index::TableId::stash))},
                                        columns_of_run(*from, *to), [&] { advance(); });
    if (now == receipt->after) {
      result_.is_as_migrated = true;
    } else {
      report("receipt " + std::to_string(*number) +
             ": nothing was written since, but the content has another fingerprint");
    }
  }

  void verify_other_formats() {
    for (const index::Format& format : index::formats()) {
      if (format.number == components_.format().number) continue;
      for (const index::TableId id : {format.rows, format.index}) {
        if (transaction_.has(table(id)) && transaction_.entries(table(id)) != 0)
          report("table '" + std::string(table(id).name) + "' of another format is not empty");
      }
    }
  }

  engine::Table table(index::TableId id) const { return index::table(environment_, id); }

  const engine::ReadTransaction& transaction_;
  const index::Components& components_;
  const engine::Environment& environment_;
  Watch& watch_;
  Verification result_;
  std::unordered_set<Uuid> drawings_;
  std::string json_;
};

}  // namespace

Verification verify(const engine::ReadTransaction& transaction, const index::Components& components,
                    Watch& watch) {
  return Verifier(transaction, components, watch).run();
}

}  // namespace piecemark::migration
