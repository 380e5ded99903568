#include "runner.h"

#include <algorithm>
#include <vector>

#include "fingerprint.h"
#include "history.h"
#include "index/catalogue.h"
#include "index/components.h"

namespace piecemark::migration {
namespace {

using index::Components;
using index::TableId;

// Runs the steps of one migration in its transaction.
class Run {
 public:
  Run(engine::WriteTransaction& transaction, const engine::Stamp& stamp, const index::Format& from,
      const index::Format& to, const MigrationOptions& options)
      : transaction_(transaction),
        stamp_(stamp),
        from_(from),
        to_(to),
        options_(options),
        environment_(*transaction.environment()),
        stash_(index::table(environment_, TableId::stash)),
        history_(index::table(environment_, TableId::history)) {
    receipt_.number = history_.count(transaction) + 1;
    receipt_.from = from.number;
    receipt_.to = to.number;
    receipt_.library_version = kVersion.to_string();
    receipt_.started_at = Timestamp::now();
  }

  Receipt perform(std::span<const Step> chain) {
    receipt_.before = holdings(components_in(from_));
    // Step i of the chain leads from format i + 1 to format i + 2.
    for (std::uint32_t at = from_.number; at < to_.number; ++at) take(chain[at - 1], true);
    for (std::uint32_t at = from_.number; at > to_.number; --at) take(chain[at - 2], false);
    receipt_.after = holdings(components_in(to_));
    require_same_content();
    index::save_stamp(transaction_, index::migrated_stamp(stamp_, to_));
    receipt_.duration_us = Timestamp::now().microseconds - receipt_.started_at.microseconds;
    history_.add(transaction_, receipt_);
    return receipt_;
  }

 private:
  Components components_in(const index::Format& format) const {
    return {format, stamp_.nulls_not_distinct, environment_};
  }

  void take(const Step& step, bool is_upgrade) {
    const Components older = components_in(*index::format_numbered(step.from));
    const Components newer = components_in(*index::format_numbered(step.to));
    StepWork work{transaction_, older, newer, stash_, options_.on_loss, options_.on_set_aside, receipt_};
    const Components& source = is_upgrade ? older : newer;
    const Components& target = is_upgrade ? newer : older;
    require_empty(target);
    if (is_upgrade) {
      step.upgrade(work);
    } else {
      step.downgrade(work);
      refuse_loss();
    }
    source.layout().clear(transaction_);
    receipt_.steps.emplace_back(step.revision);
  }

  // A stamp that lies about the format would let the run overwrite what it says is not there.
  void require_empty(const Components& target) const {
    const index::Format& format = target.format();
    for (const index::TableId id : {format.rows, format.unique}) {
      const engine::Table& table = index::table(environment_, id);
      if (transaction_.entries(table) == 0) continue;
      throw Error(
          ErrorCode::corrupt_file,
          {"cannot migrate '" + environment_.path() + "' to format " + std::to_string(to_.number),
           "table '" + std::string(table.name) +
               "' holds entries, although the file says that it has format " + std::to_string(from_.number),
           {},
           "run 'piecemark verify' on the file and go back to a backup"});
    }
  }

  void refuse_loss() const {
    if (options_.on_loss == OnLoss::stash || receipt_.stashed_rows + receipt_.stashed_identifiers == 0)
      return;
    throw Error(
        ErrorCode::downgrade_refused,
        {"cannot downgrade '" + environment_.path() + "' to format " + std::to_string(to_.number),
         std::to_string(receipt_.stashed_rows) + " rows and " + std::to_string(receipt_.stashed_identifiers) +
             " instance identifiers that format " + std::to_string(to_.number) + " cannot hold",
         {},
         "run it again with --on-conflict stash: they are kept in the file and return with the next "
         "upgrade"});
  }

  // The columns of the two ends of the run that both have, and those that only one has.
  ColumnSet shared_columns() const { return from_.columns.intersection(to_.columns); }
  ColumnSet extra_columns() const {
    ColumnSet extra = ColumnSet::all();
    for (const ColumnInfo& info : kColumns) {
      if (shared_columns().contains(info.column)) extra.remove(info.column);
    }
    return extra;
  }

  Holdings holdings(const Components& components) const {
    Holdings sum;
    const auto add = [&](const ComponentRow& row) {
      sum.components += fingerprint_of(row, shared_columns());
      sum.extras += fingerprint_of_values(row, extra_columns());
    };
    components.drawings().for_each(transaction_,
                                   [&](const Drawing& drawing) { sum.drawings += fingerprint_of(drawing); });
    const auto rows = components.layout().all_by_id(transaction_);
    for (ComponentRow row; rows->next(row); ++sum.rows_in_table) add(row);
    stash_.for_each(transaction_, [&](Stash::State, const SetAside& entry) {
      if (entry.what == SetAside::What::row) {
        add(row_of(entry.component));
        ++sum.rows_in_stash;
      } else {
        sum.extras += fingerprint_of_values(row_of(entry.component), extra_columns());
      }
    });
    return sum;
  }

  void require_same_content() const {
    if (same_content(receipt_.before, receipt_.after)) return;
    const auto describe = [](const Holdings& holdings) {
      return std::to_string(holdings.drawings.rows) + " drawings " + holdings.drawings.to_string() + ", " +
             std::to_string(holdings.components.rows) + " components " + holdings.components.to_string() +
             ", " + std::to_string(holdings.extras.rows) + " extras " + holdings.extras.to_string();
    };
    throw Error(
        ErrorCode::migration_mismatch,
        {"cannot migrate '" + environment_.path() + "' from format " + std::to_string(from_.number) + " to " +
             std::to_string(to_.number),
         "before: " + describe(receipt_.before) + "; after: " + describe(receipt_.after),
         {},
         "nothing was changed; run 'piecemark verify' on the file and report this as a bug of the step"});
  }

  engine::WriteTransaction& transaction_;
  const engine::Stamp& stamp_;
  const index::Format& from_;
  const index::Format& to_;
  const MigrationOptions& options_;
  const engine::Environment& environment_;
  Stash stash_;
  History history_;
  Receipt receipt_;
};

const index::Format& require_target(std::uint32_t target, const std::string& path) {
  if (const index::Format* format = index::format_numbered(target)) return *format;
  throw Error(ErrorCode::no_such_format, {"cannot migrate '" + path + "' to format " + std::to_string(target),
                                          "a format that this library does not know", index::known_formats(),
                                          "run 'piecemark formats' to see them"});
}

}  // namespace

std::optional<Receipt> run(engine::Environment& environment, std::uint32_t target,
                           const MigrationOptions& options, std::span<const Step> chain,
                           std::uint32_t busy_timeout_ms) {
  const index::Format& to = require_target(target, environment.path());
  engine::WriteTransaction transaction = environment.begin_write(busy_timeout_ms);
  const engine::Stamp stamp = index::load_stamp(transaction);
  const index::Format& from = index::require_readable(stamp, environment.path());
  index::require_writable(stamp, environment.path());
  if (from.number == to.number) return std::nullopt;
  const Receipt receipt = Run(transaction, stamp, from, to, options).perform(chain);
  transaction.commit();
  return receipt;
}

}  // namespace piecemark::migration
