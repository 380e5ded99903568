// Format 1 -> 2: a piece mark may occur several times on a drawing.
// Up    instance_identifier comes back from the stash if the row still has the mark and drawing it had when it was
//       downgraded, else it is NULL. Stashed rows return if their drawing still exists and neither their id nor
//       their key is taken.
// Down  the identifier goes to the stash, and so do all rows but one of each drawing and mark: the unique index of
//       format 1 has room for one. The row without identifier stays, else the one with the smallest identifier in
//       natural order, then the oldest, then the one with the smallest id.
#include "add_instance_identifier.h"

#include <string>
#include <utility>
#include <vector>

#include "migration/natural_order.h"

namespace piecemark::migration {
namespace {

using index::Conflict;
using What = SetAside::What;

// True if `a` stays rather than `b`, where only one of the two can.
bool stays_before(const Component& a, const Component& b) {
  if (a.instance_identifier.has_value() != b.instance_identifier.has_value()) return !a.instance_identifier;
  if (a.instance_identifier) {
    const auto order = compare_naturally(*a.instance_identifier, *b.instance_identifier);
    if (order != 0) return order < 0;
  }
  if (a.created_at != b.created_at) {
    // A row without a date counts as the youngest.
    if (!a.created_at || !b.created_at) return a.created_at.has_value();
    return *a.created_at < *b.created_at;
  }
  return a.id < b.id;
}

Component identifier_of(const ComponentRow& row) {
  Component component{.id = row.id,
                      .drawing_id = row.drawing_id,
                      .piece_mark = std::string(row.piece_mark),
                      .quantity = std::nullopt,
                      .review_status = std::nullopt,
                      .created_at = std::nullopt,
                      .updated_at = std::nullopt};
  component.instance_identifier = row.instance_identifier;
  return component;
}

// Sets aside what does not fit, or only reports it.
class Stasher {
 public:
  explicit Stasher(StepWork& work) : work_(work) {}

  void stash_row(const Component& component) {
    ++work_.receipt.stashed_rows;
    stash({What::row, work_.receipt.number, "another row of this drawing and mark stays", component});
  }

  void stash_identifier(const ComponentRow& row) {
    if (!row.instance_identifier) return;
    ++work_.receipt.stashed_identifiers;
    stash(
        {What::identifier, work_.receipt.number, "format 1 has no instance_identifier", identifier_of(row)});
  }

 private:
  void stash(const SetAside& entry) {
    if (work_.on_set_aside) work_.on_set_aside(entry);
    if (work_.on_loss == OnLoss::stash) {
      work_.stash.put(work_.transaction, work_.newer.format(), Stash::State::waiting, entry);
    }
  }

  StepWork& work_;
};

// First pass, by key: of every drawing and mark one row stays.
void choose_what_stays(StepWork& work, bool marks_may_repeat_without_drawing) {
  Stasher stasher(work);
  std::optional<Component> staying;
  const auto settle = [&] {
    if (staying) stasher.stash_identifier(row_of(*staying));
    staying.reset();
  };
  const auto rows = work.newer.layout().all_by_key(work.transaction);
  for (ComponentRow row; rows->next(row);) {
    if (!row.drawing_id && marks_may_repeat_without_drawing) {
      settle();
      stasher.stash_identifier(row);
      continue;
    }
    Component candidate = to_component(row);
    const bool same_group =
        staying && staying->drawing_id == row.drawing_id && staying->piece_mark == row.piece_mark;
    if (!same_group) {
      settle();
      staying = std::move(candidate);
      continue;
    }
    if (stays_before(candidate, *staying)) std::swap(candidate, *staying);
    stasher.stash_row(candidate);
  }
  settle();
}

// Why a stashed identifier cannot go back to the row, or an empty text if it can.
std::string reason_against(const SetAside& entry, const ComponentRow& row) {
  if (entry.component.drawing_id != row.drawing_id) return "the component lies on another drawing now";
  if (entry.component.piece_mark != row.piece_mark) return "the component has another piece mark now";
  return {};
}

class Restorer {
 public:
  explicit Restorer(StepWork& work) : work_(work) {}

  // Rows in the order of their ids, each with the identifier that waits for it.
  void restore_identifiers() {
    const auto writer = work_.newer.layout().bulk_writer(work_.transaction);
    Stash::Waiting waiting(work_.stash, work_.transaction, work_.newer.format(), What::identifier);
    const auto rows = work_.older.layout().all_by_id(work_.transaction);
    for (ComponentRow row; rows->next(row);) {
      for (; waiting.entry() != nullptr && waiting.entry()->component.id < row.id; waiting.next()) {
        leave(*waiting.entry(), "the component is not there any more");
      }
      // The entry must outlive the row that borrows from it.
      std::optional<SetAside> entry;
      if (waiting.entry() != nullptr && waiting.entry()->component.id == row.id) {
        entry = *waiting.entry();
        waiting.next();
        if (std::string reason = reason_against(*entry, row); !reason.empty()) {
          leave(*entry, std::move(reason));
        } else {
          row.instance_identifier = entry->component.instance_identifier;
          ++work_.receipt.returned_identifiers;
        }
      }
      writer->add(row);
    }
    for (; waiting.entry() != nullptr; waiting.next())
      leave(*waiting.entry(), "the component is not there any more");
    if (const auto conflict = writer->finish()) {
      throw Error(ErrorCode::corrupt_file,
                  {"cannot upgrade to format 2",
                   "two components with the key of component " + conflict->existing.to_string(),
                   {},
                   "run 'piecemark verify' on the file and go back to a backup"});
    }
  }

  void restore_rows() {
    for (Stash::Waiting waiting(work_.stash, work_.transaction, work_.newer.format(), What::row);
         waiting.entry() != nullptr; waiting.next()) {
      const Component& component = waiting.entry()->component;
      if (component.drawing_id &&
          !work_.newer.drawings().contains(work_.transaction, *component.drawing_id)) {
        leave(*waiting.entry(), "its drawing is not there any more");
      } else if (const auto conflict = work_.newer.layout().insert(work_.transaction, row_of(component))) {
        leave(*waiting.entry(), (conflict->on == Conflict::On::id ? "its id" : "its key") +
                                    std::string(" is taken by component ") + conflict->existing.to_string());
      } else {
        ++work_.receipt.returned_rows;
      }
    }
  }

  // Only now: the cursors over what waits do not bear writing.
  void settle_stash() {
    work_.stash.clear_waiting(work_.transaction, work_.newer.format());
    for (const SetAside& entry : left_over_) {
      work_.stash.put(work_.transaction, work_.newer.format(), Stash::State::left_over, entry);
    }
  }

 private:
  void leave(SetAside entry, std::string reason) {
    entry.reason = std::move(reason);
    ++work_.receipt.left_over;
    if (work_.on_set_aside) work_.on_set_aside(entry);
    left_over_.push_back(std::move(entry));
  }

  StepWork& work_;
  std::vector<SetAside> left_over_;
};

}  // namespace

void upgrade_to_instance_identifier(StepWork& work) {
  Restorer restorer(work);
  restorer.restore_identifiers();
  restorer.restore_rows();
  restorer.settle_stash();
}

void downgrade_from_instance_identifier(StepWork& work) {
  choose_what_stays(work, !work.older.nulls_not_distinct());
  if (work.on_loss == OnLoss::refuse && work.receipt.stashed_rows + work.receipt.stashed_identifiers > 0)
    return;

  // Second pass, by id: everything that was not set aside.
  const auto writer = work.older.layout().bulk_writer(work.transaction);
  Stash::Waiting set_aside(work.stash, work.transaction, work.newer.format(), What::row);
  const auto rows = work.newer.layout().all_by_id(work.transaction);
  for (ComponentRow row; rows->next(row);) {
    if (set_aside.entry() != nullptr && set_aside.entry()->component.id == row.id) {
      set_aside.next();
      continue;
    }
    row.instance_identifier = std::nullopt;
    writer->add(row);
  }
  if (const auto conflict = writer->finish()) {
    throw Error(ErrorCode::corrupt_file,
                {"cannot downgrade to format 1",
                 "two components with the key of component " + conflict->existing.to_string(),
                 {},
                 "run 'piecemark verify' on the file and go back to a backup"});
  }
}

}  // namespace piecemark::migration
