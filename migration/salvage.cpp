#include "salvage.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "engine/container.h"
#include "engine/damaged_file.h"
#include "engine/environment.h"
#include "engine/file_locks.h"
#include "engine/lmdb_error.h"
#include "engine/record.h"
#include "index/catalogue.h"
#include "index/components.h"
#include "index/row_entries.h"
#include "lost_keys.h"
#include "watch.h"

namespace piecemark::migration {
namespace {

using engine::Bytes;
using engine::DamagedFile;
using index::RowEntries;
using index::TableId;
using Standing = DamagedFile::Standing;
using StampFound = SalvageReport::StampFound;

std::string_view name_of(TableId id) {
  return index::kTables[static_cast<std::size_t>(id)];
}

std::string attempt_to_salvage(const std::string& path) {
  return "cannot salvage '" + path + "'";
}

// Tables whose entries are sealed records that the new file takes over as they are, byte by byte.
struct SealedTable {
  TableId id;
  std::size_t key_size;
};
constexpr std::array kSealedTables{
    SealedTable{TableId::history, 4},
    SealedTable{TableId::stash, 26},
    SealedTable{TableId::drawings, sizeof(Uuid)},
};

constexpr std::array kStandings{Standing::live, Standing::previous, Standing::unknown};

// How many times the damaged file the new one can become: rows of stale pages are written, and not packed as tightly.
constexpr std::uint64_t kRoomTimesOfSalvage = 4;

// A row from a page that may be stale.
struct StaleRow {
  Standing standing;
  Component component;
};
// What was changed last; of the same time, what the commit before had.
bool comes_first(const StaleRow& a, const StaleRow& b) {
  if (a.component.updated_at != b.component.updated_at) {
    return a.component.updated_at > b.component.updated_at;
  }
  return a.standing < b.standing;
}

// The keys of a table that were not found, or not sound.
struct Lost {
  LostKeys to_tree;  // Below a page that cannot be followed: they may be found on other pages.
  LostKeys damaged;

  bool has_any() const { return to_tree.has_any() || damaged.has_any(); }
};

struct FoundStamp {
  engine::Stamp stamp;
  StampFound found = StampFound::nowhere;
};

std::optional<engine::Stamp> stamp_in(const DamagedFile::Entry& entry) {
  return entry.key == engine::kStampKey ? engine::decode_stamp(entry.value) : std::nullopt;
}

std::optional<engine::Stamp> live_stamp(DamagedFile& file) {
  std::optional<engine::Stamp> stamp;
  const auto look = [&](const DamagedFile::Entry& entry) {
    if (!stamp) stamp = stamp_in(entry);
  };
  file.walk(name_of(TableId::meta), look, [](const DamagedFile::Range&) {});
  if (!stamp) file.scan(Standing::live, look);
  return stamp;
}

// The format whose rows the file has: that of the only table of rows that is not empty, else the newest of which a row
// is found anywhere.
const index::Format& format_by_content(const DamagedFile& file) {
  const auto formats = index::formats();
  for (auto format = formats.rbegin(); format != formats.rend(); ++format) {
    if (file.entries(name_of(format->rows)).value_or(0) > 0) return *format;
  }
  const index::Format* found = nullptr;
  const auto look = [&](const DamagedFile::Entry& entry) {
    for (const index::Format& format : formats) {
      if (found != nullptr && found->number >= format.number) continue;
      RowEntries(format).read(
          entry.key, entry.value, [&](const RowEntries::Row&) { found = &format; },
          [](const RowEntries::Loss&) {});
    }
  };
  for (const Standing standing : kStandings) {
    if (found == nullptr) file.scan(standing, look);
  }
  return found != nullptr ? *found : formats.back();
}

// What the live commit says; else what an earlier one said, but for the format, which may have changed since.
FoundStamp find_stamp(DamagedFile& file, const engine::os::File& bytes) {
  if (const auto stamp = live_stamp(file)) return {*stamp, StampFound::live};
  const index::Format& format = format_by_content(file);
  const auto stale = engine::search_stamp(bytes);
  if (!stale) return {index::new_stamp(format, false), StampFound::nowhere};
  if (stale->format == format.number) return {*stale, StampFound::stale};
  engine::Stamp stamp = index::new_stamp(format, stale->nulls_not_distinct);
  stamp.created_at = stale->created_at;
  stamp.created_by = stale->created_by;
  return {stamp, StampFound::stale};
}

// From a damaged file to the first transaction of a new one.
class Salvage {
 public:
  Salvage(DamagedFile& file, const index::Format& format, bool nulls_not_distinct,
          engine::WriteTransaction& transaction, const std::string& path, const SalvageOptions& options,
          SalvageReport& report)
      : file_(file),
        entries_(format),
        format_(format),
        transaction_(transaction),
        environment_(*transaction.environment()),
        components_(format, nulls_not_distinct, environment_),
        rows_(components_.layout().writer(transaction)),
        options_(options),
        report_(report),
        watch_(options.on_progress, attempt_to_salvage(path)) {}

  void perform() {
    for (const SealedTable& table : kSealedTables) walk_sealed(table);
    walk_rows();
    walk_rest();
    const bool needs_index = lost_rows_.has_any();
    if (needs_index) read_index();
    finds_every_live_page_ = file_.finds_every_live_page();
    needs_keyless_ = format_.layout == index::LayoutKind::packed && lost_rows_.to_tree.has_any() &&
                     !finds_every_live_page_;
    if (needs_keyless_) read_stray_ids();
    for (const Standing standing : kStandings) {
      scan(standing);
      scan_keyless(standing);
    }
    take_stale_rows();
    rows_->flush();
    if (index_is_whole_ && needs_index) list_lost_components();
    list_left_out();
    list_untried();
    recreate_drawings();
    count();
  }

 private:
  using Table = SalvageReport::Table;

  Table& table_report(std::string_view name) {
    const auto found = std::find_if(report_.tables.begin(), report_.tables.end(),
                                    [&](const Table& table) { return table.name == name; });
    if (found != report_.tables.end()) return *found;
    report_.tables.push_back({std::string(name), file_.entries(name), 0, 0});
    return report_.tables.back();
  }

  void lose(std::string_view table, Bytes key, const std::string& reason) {
    report_.losses.push_back("table '" + std::string(table) + "', key " + engine::to_hex(key) + ": " +
                             reason);
  }

  // The trees

  void walk_sealed(const SealedTable& table) {
    const std::string_view name = name_of(table.id);
    Lost& lost = lost_[table.id];
    Table& counted = table_report(name);
    file_.walk(
        name,
        [&](const DamagedFile::Entry& entry) {
          watch_.advance();
          if (take_sealed(table.id, entry)) {
            ++counted.read;
          } else {
            lost.damaged.add(std::string(entry.key), std::string(entry.key) + '\0');
            lose(name, entry.key, "an entry that fails its checksum");
          }
        },
        [&](const DamagedFile::Range& range) { lost.to_tree.add(range.from, range.to); });
  }

  void walk_rows() {
    Table& counted = table_report(entries_.table());
    std::string before;
    file_.walk(
        entries_.table(),
        [&](const DamagedFile::Entry& entry) {
          const bool is_sound = entries_.read(
              entry.key, entry.value, [&](const RowEntries::Row& row) { take(row.row); },
              [&](const RowEntries::Loss& loss) {
                lost_rows_.damaged.add(loss.keys.from, loss.keys.to);
                lose(entries_.table(), entry.key, loss.reason);
              });
          if (is_sound) {
            ++counted.read;
          } else {
            const index::RowKeys keys =
                entries_.between(before, std::string(entry.key), std::string(entry.key) + '\0');
            lost_rows_.damaged.add(keys.from, keys.to);
            lose(entries_.table(), entry.key, "an entry that fails its checksum");
          }
          before = entry.key;
        },
        [&](const DamagedFile::Range& range) {
          const index::RowKeys keys = entries_.between(before, range.from, range.to);
          lost_rows_.to_tree.add(keys.from, keys.to);
        });
  }

  // So that scans know what belongs to other tables.
  void walk_rest() {
    for (const std::string& name : file_.tables()) {
      const bool is_walked = name == name_of(TableId::meta) || name == name_of(format_.index) ||
                             std::any_of(report_.tables.begin(), report_.tables.end(),
                                         [&](const Table& table) { return table.name == name; });
      if (!is_walked)
        file_.walk(
            name, [](const DamagedFile::Entry&) {}, [](const DamagedFile::Range&) {});
    }
    if (!lost_rows_.has_any()) {
      file_.walk(
          name_of(format_.index), [](const DamagedFile::Entry&) {}, [](const DamagedFile::Range&) {});
    }
  }

  // What the table of ids tells: which there are, if all of it can be read, or which drawings they are of.
  void read_index() {
    const std::string_view name = name_of(format_.index);
    index_is_whole_ = format_.layout == index::LayoutKind::ordered && file_.entries(name).has_value();
    file_.walk(
        name,
        [&](const DamagedFile::Entry& entry) {
          if (format_.layout == index::LayoutKind::packed) {
            drawings_of_ids_.add(entry.value);
          } else if (const auto id = entries_.indexed_row(entry.key, entry.value)) {
            indexed_.insert(*id);
          } else {
            index_is_whole_ = false;
          }
        },
        [&](const DamagedFile::Range&) { index_is_whole_ = false; });
    index_is_whole_ = index_is_whole_ && indexed_.size() == file_.entries(name);
  }

  // Other pages

  void scan(Standing standing) {
    file_.scan(standing, [&](const DamagedFile::Entry& entry) {
      for (const SealedTable& table : kSealedTables) {
        if (entry.key.size() == table.key_size) scan_sealed(standing, table.id, entry);
      }
      const bool is_sound = entries_.read(
          entry.key, entry.value, [&](const RowEntries::Row& row) { scan_row(standing, row); },
          [&](const RowEntries::Loss& loss) {
            if (standing == Standing::live) lose(entries_.table(), entry.key, loss.reason);
          });
      if (!is_sound) return;
      keyed_.insert(entry.overflow_page);
      if (standing == Standing::live) ++table_report(entries_.table()).read;
    });
  }

  // What blocks of ids tell that the tree does not lead to.
  void read_stray_ids() {
    for (const Standing standing : kStandings) {
      file_.scan(standing, [&](const DamagedFile::Entry& entry) { drawings_of_ids_.add(entry.value); });
      file_.scan_overflow(standing, [&](Bytes value, std::uint64_t page) {
        if (drawings_of_ids_.add(value)) keyed_.insert(page);
      });
    }
  }

  // Values whose leaf page is gone, and with it their key.
  void scan_keyless(Standing standing) {
    if (!needs_keyless_) return;
    std::vector<index::DrawingKey> others = drawings_with_lost_rows();
    file_.scan_overflow(standing, [&](Bytes value, std::uint64_t page) {
      if (keyed_.contains(page)) return;
      watch_.tell();
      const bool is_sound = entries_.read_without_key(
          value, drawings_of_ids_, others, trials_,
          [&](const RowEntries::Row& row) { scan_row(standing, row); },
          [&](const RowEntries::Loss& loss) {
            if (standing == Standing::live) lose(entries_.table(), loss.keys.from, loss.reason);
          });
      if (is_sound && standing == Standing::live) ++table_report(entries_.table()).read;
      if (!is_sound && trials_ == 0) ++untried_;
    });
  }

  // Of which a block may be whose ids tell nothing.
  std::vector<index::DrawingKey> drawings_with_lost_rows() {
    std::vector<index::DrawingKey> drawings;
    const auto add = [&](const index::DrawingKey& drawing) {
      const index::RowKeys keys = index::keys_of(drawing);
      if (options_.stale_rows == StaleRows::always || lost_rows_.to_tree.has_any_in(keys.from, *keys.to)) {
        drawings.push_back(drawing);
      }
    };
    add(std::nullopt);
    components_.drawings().for_each(transaction_, [&](const Drawing& drawing) { add(drawing.id); });
    return drawings;
  }

  void scan_sealed(Standing standing, TableId id, const DamagedFile::Entry& entry) {
    if (standing != Standing::live && !takes(lost_[id], entry.key)) return;
    if (!take_sealed(id, entry)) return;
    Table& counted = table_report(name_of(id));
    ++(standing == Standing::live ? counted.read : counted.stale);
  }

  void scan_row(Standing standing, const RowEntries::Row& row) {
    watch_.advance();
    if (standing == Standing::live) {
      take(row.row);
    } else if (takes(lost_rows_, row.key) && (!index_is_whole_ || indexed_.contains(row.row.id) ||
                                              options_.stale_rows == StaleRows::always)) {
      stale_rows_.push_back({standing, to_component(row.row)});
    } else {
      left_out_.insert(row.row.id);
    }
  }

  bool takes(Lost& lost, Bytes key) const {
    switch (options_.stale_rows) {
      case StaleRows::never:
        return false;
      case StaleRows::always:
        return true;
      case StaleRows::where_lost:
        break;
    }
    return lost.damaged.contains(key) || (!finds_every_live_page_ && lost.to_tree.contains(key));
  }

  void take_stale_rows() {
    std::stable_sort(stale_rows_.begin(), stale_rows_.end(), comes_first);
    for (const StaleRow& stale : stale_rows_) {
      if (!take(row_of(stale.component))) continue;
      report_.stale_components.push_back(stale.component.id);
      ++table_report(entries_.table()).stale;
    }
    stale_rows_.clear();
  }

  // The new file

  // False for what is no entry of the table, or there already.
  bool take_sealed(TableId id, const DamagedFile::Entry& entry) {
    return engine::try_unseal({name_of(id), entry.key}, entry.value) &&
           transaction_.insert(index::table(environment_, id), entry.key, entry.value);
  }

  // False where another row keeps it out. One of the same id is the same row, as it is or was.
  bool take(const ComponentRow& row) {
    watch_.advance();
    const auto conflict = rows_->insert(row);
    if (!conflict) {
      if (row.drawing_id) drawings_wanted_.insert(*row.drawing_id);
      return true;
    }
    if (conflict->on == index::Conflict::On::key) {
      report_.conflicts.push_back({conflict->existing, to_component(row)});
    }
    return false;
  }

  void recreate_drawings() {
    engine::Statements statements(transaction_);
    for (const Uuid& id : drawings_wanted_) {
      const bool is_lost = statements.run([&](engine::Batch& batch) {
        return components_.drawings().plan_insert(transaction_, {.id = id, .name = std::nullopt}, batch);
      });
      if (is_lost) report_.recreated_drawings.push_back(id);
    }
  }

  void list_lost_components() {
    for (const Uuid& id : indexed_) {
      if (!components_.layout().get(transaction_, id)) report_.lost_components.push_back(id);
    }
  }

  void list_left_out() {
    for (const Uuid& id : left_out_) {
      if (!components_.layout().get(transaction_, id)) report_.left_out_components.push_back(id);
    }
  }

  void list_untried() {
    if (untried_ == 0) return;
    report_.losses.push_back(
        "table '" + std::string(entries_.table()) + "': " + std::to_string(untried_) +
        " values without a key, some of which may hold rows: no block of ids tells of which "
        "drawing, and there are too many to try them all");
  }

  void count() {
    report_.components = components_.layout().count(transaction_);
    report_.drawings = components_.drawings().count(transaction_);
    report_.stash_entries = transaction_.entries(index::table(environment_, TableId::stash));
    report_.receipts = transaction_.entries(index::table(environment_, TableId::history));
  }

  DamagedFile& file_;
  RowEntries entries_;
  const index::Format& format_;
  engine::WriteTransaction& transaction_;
  const engine::Environment& environment_;
  index::Components components_;
  std::unique_ptr<index::LayoutWriter> rows_;
  const SalvageOptions& options_;
  SalvageReport& report_;
  Watch watch_;

  std::map<TableId, Lost> lost_;
  Lost lost_rows_;
  bool index_is_whole_ = false;
  std::set<Uuid> indexed_;
  bool finds_every_live_page_ = false;
  std::uint64_t untried_ = 0;   // values that may be entries of rows, of drawings that were not tried
  bool needs_keyless_ = false;  // Entries of rows may be on pages that nothing leads to.
  index::DrawingsOfIds drawings_of_ids_;
  std::vector<StaleRow> stale_rows_;
  std::set<Uuid> left_out_;
  std::set<std::uint64_t> keyed_;  // overflow pages whose entries were found, or have no rows
  std::uint64_t trials_ = std::uint64_t{100} << 20;  // of keys; some seconds
  std::set<Uuid> drawings_wanted_;
};

engine::os::File open_damaged(const std::string& path) {
  engine::os::File file;
  if (const auto error = engine::os::open_file(path, engine::os::Access::read, file)) {
    engine::throw_system_error(error, attempt_to_salvage(path), path);
  }
  engine::os::FileFacts facts;
  if (engine::os::facts_of(file, facts) || !facts.is_regular) {
    throw Error(ErrorCode::not_a_store,
                {attempt_to_salvage(path), "no regular file", {}, "check that this is the right file"});
  }
  // As long as the file is open, nobody commits to it. Where there are no locks, no program can.
  engine::FileLocks locks(file.descriptor(), path);
  const auto is_shared = [&] {
    try {
      return locks.share_write(std::chrono::steady_clock::now());
    } catch (const Error& error) {
      return error.code() == ErrorCode::unsupported_platform;
    }
  };
  if (!is_shared()) {
    const auto holder = locks.holder(engine::FileLock::write, engine::os::LockMode::shared);
    throw Error(ErrorCode::busy, {attempt_to_salvage(path),
                                  (holder ? holder->to_string() : "another process") + " is writing to it",
                                  {},
                                  "end the program that has it open"});
  }
  return file;
}

void require_anything(const SalvageReport& report, const std::string& path) {
  const std::uint64_t found = report.drawings + report.components + report.stash_entries + report.receipts;
  if (found > 0 || report.is_complete()) return;
  throw Error(ErrorCode::corrupt_file, {attempt_to_salvage(path),
                                        "no record whose checksum holds",
                                        {},
                                        "check that this is the right file, and go back to a backup"});
}

}  // namespace

SalvageReport salvage(const std::string& from, const std::string& to, const SalvageOptions& options) {
  const engine::os::File bytes = open_damaged(from);
  SalvageReport report;
  const auto fill = [&](engine::WriteTransaction& transaction) {
    DamagedFile file(bytes);
    const auto [stamp, found] = find_stamp(file, bytes);
    const index::Format& format = index::require_readable(stamp, from);
    index::require_writable(stamp, from);
    report.format = format.number;
    report.stamp = found;
    report.knows_last_commit = file.knows_last_commit();
    Salvage(file, format, stamp.nulls_not_distinct, transaction, from, options, report).perform();
    for (const engine::PageDamage& damage : file.damage()) {
      report.pages.push_back({damage.page, damage.reason});
    }
    require_anything(report, from);
    index::save_stamp(transaction, stamp);
  };
  engine::FileOwner owner;
  if (auto error = engine::owner_of(bytes, owner)) {
    engine::throw_system_error(error, attempt_to_salvage(from), from);
  }
  engine::os::FileFacts facts;
  if (auto error = engine::os::facts_of(bytes, facts)) {
    engine::throw_system_error(error, attempt_to_salvage(from), from);
  }
  engine::Environment::create(to, index::kTables, fill,
                              {.owner = owner,
                               .map_size_bytes = options.map_size_bytes,
                               .expected_bytes = kRoomTimesOfSalvage * facts.size_bytes,
                               .notes_table = index::kNotesTable});
  return report;
}

}  // namespace piecemark::migration

namespace piecemark {

bool SalvageReport::is_complete() const {
  return stamp == StampFound::live && knows_last_commit && losses.empty() && lost_components.empty() &&
         recreated_drawings.empty() && conflicts.empty() &&
         std::all_of(tables.begin(), tables.end(),
                     [](const Table& table) { return table.entries == table.read; });
}

}  // namespace piecemark
