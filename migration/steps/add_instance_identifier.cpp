// Format 1 -> 2: a piece mark may occur several times on a drawing.
// Up    instance_identifier comes back from the stash if the row still has the mark and drawing it had when it was
//       downgraded, else it is NULL. Stashed rows return if their drawing still exists and neither their id nor
//       their key is taken.
// Down  the identifier goes to the stash, and so do all rows but one of each drawing and mark: the unique index of
//       format 1 has room for one. The row without identifier stays, else the one with the smallest identifier in
//       natural order, then the oldest, then the one with the smallest id.
//
// Both ways the index is rewritten from the index, whose order hardly changes, and the rows from the rows. What crosses
// from one order to the other passes through a Sorter, so that memory does not grow with the file.
#include "add_instance_identifier.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/key.h"
#include "index/ordered_writer.h"
#include "migration/natural_order.h"
#include "piecemark/error.h"

namespace piecemark::migration {
namespace {

using engine::Bytes;
using engine::KeyReader;
using engine::KeyWriter;
using engine::Sorter;
using index::DrawingKey;
using index::InstanceKey;
using index::OrderedBulkWriter;
using index::RowKey;
using What = SetAside::What;
using Phase = MigrationProgress::Phase;

constexpr std::string_view kAnotherStays = "another row of this drawing and mark stays";
constexpr std::string_view kNoIdentifiers = "format 1 has no instance_identifier";

// What is kept of an identifier.
ComponentRow identifier_row(const RowKey& key) {
  ComponentRow row;
  row.id = key.id;
  row.drawing_id = key.drawing;
  row.piece_mark = key.piece_mark;
  row.instance_identifier = key.instance;
  return row;
}

// For what comes back from a Sorter.
void require(bool is_as_written) {
  if (!is_as_written) engine::throw_changed_while_sorting();
}

// ---------------------------------------------------------------------------------------------------------- Down

// A row of a group of which one can stay.
struct Candidate {
  Uuid id;
  std::optional<std::string> instance;
  std::optional<std::optional<Timestamp>> created_at;  // read when it is asked for
};

// The rows of one drawing and mark.
struct Group {
  DrawingKey drawing;
  std::string mark;
  bool holds_all = false;  // Without a drawing, marks need not be unique.
  std::optional<Candidate> staying;
  std::optional<Sorter> ids;  // of all of them, if it holds all
};

// The pass by key: of every drawing and mark one row stays. Writes the index, and collects what is to be set aside.
class ChooseWhatStays {
 public:
  // `writer` is nullptr in a plan.
  ChooseWhatStays(StepWork& work, OrderedBulkWriter* writer)
      : work_(work), writer_(writer), rows_(work.sorter()), identifiers_(work.sorter()) {}

  void run() {
    const StepSource& source = work_.source();
    work_.progress().enter(Phase::index, source.layout().count(source.transaction));
    const auto keys = source.layout().all_keys(source.transaction);
    for (RowKey key; keys->next(key); work_.progress().advance()) {
      if (!group_ || group_->drawing != key.drawing || group_->mark != key.piece_mark) begin_group(key);
      if (group_->holds_all) {
        keep_beside_others(key);
      } else {
        consider(key);
      }
    }
    end_group();
  }

  // The ids of the rows to set aside.
  Sorter& rows() { return rows_; }
  // The identifiers to set aside: id, drawing, mark, identifier.
  Sorter& identifiers() { return identifiers_; }

 private:
  void begin_group(const RowKey& key) {
    end_group();
    const bool holds_all = !key.drawing && !work_.source().components.nulls_not_distinct();
    group_.emplace();
    group_->drawing = key.drawing;
    group_->mark = key.piece_mark;
    group_->holds_all = holds_all;
    if (holds_all) group_->ids.emplace(work_.sorting_folder());
  }

  void keep_beside_others(const RowKey& key) {
    set_identifier_aside(key);
    if (work_.target() != nullptr) group_->ids->add(engine::bytes_of(key.id));
  }

  void consider(const RowKey& key) {
    Candidate candidate{key.id, std::nullopt, std::nullopt};
    if (key.instance) candidate.instance.emplace(*key.instance);
    if (!group_->staying) {
      group_->staying = std::move(candidate);
      return;
    }
    if (stays_before(candidate, *group_->staying)) std::swap(candidate, *group_->staying);
    set_row_aside(candidate.id);
  }

  void end_group() {
    if (!group_) return;
    if (group_->staying) {
      const Candidate& staying = *group_->staying;
      const InstanceKey instance = staying.instance ? InstanceKey(*staying.instance) : std::nullopt;
      set_identifier_aside({group_->drawing, group_->mark, instance, staying.id});
      write_key(staying.id);
    }
    if (group_->ids) {
      group_->ids->rewind();
      for (Bytes id; group_->ids->next(id);) write_key(engine::uuid_from(id));
    }
    group_.reset();
  }

  void write_key(const Uuid& id) {
    if (work_.target() != nullptr) writer_->add_key({group_->drawing, group_->mark, std::nullopt, id});
  }

  // True if `a` stays rather than `b`, where only one of the two can.
  bool stays_before(Candidate& a, Candidate& b) const {
    if (a.instance.has_value() != b.instance.has_value()) return !a.instance;
    if (a.instance) {
      const auto order = compare_naturally(*a.instance, *b.instance);
      if (order != 0) return order < 0;
    }
    const std::optional<Timestamp> created_a = created_at(a);
    const std::optional<Timestamp> created_b = created_at(b);
    if (created_a != created_b) {
      // A row without a date counts as the youngest.
      if (!created_a || !created_b) return created_a.has_value();
      return *created_a < *created_b;
    }
    return a.id < b.id;
  }

  std::optional<Timestamp> created_at(Candidate& candidate) const {
    if (!candidate.created_at) candidate.created_at.emplace(row(candidate.id).created_at);
    return *candidate.created_at;
  }

  ComponentRow row(const Uuid& id) const {
    const StepSource& source = work_.source();
    if (const auto found = source.layout().get(source.transaction, id)) return *found;
    throw Error(ErrorCode::corrupt_file, {"cannot downgrade to format 1",
                                          "a key of component " + id.to_string() + ", which is not there",
                                          {},
                                          "run 'piecemark verify' on the file and go back to a backup"});
  }

  void set_row_aside(const Uuid& id) {
    work_.count_set_aside(What::row);
    if (work_.target() != nullptr) {
      rows_.add(engine::bytes_of(id));
    } else if (work_.is_told()) {
      work_.tell({What::row, work_.run(), kAnotherStays, row(id)});
    }
  }

  void set_identifier_aside(const RowKey& key) {
    if (!key.instance) return;
    work_.count_set_aside(What::identifier);
    if (work_.target() != nullptr) {
      identifiers_.add(KeyWriter()
                           .uuid(key.id)
                           .nullable_uuid(key.drawing)
                           .text(key.piece_mark)
                           .nullable_text(key.instance)
                           .bytes());
    } else {
      work_.tell({What::identifier, work_.run(), kNoIdentifiers, identifier_row(key)});
    }
  }

  StepWork& work_;
  OrderedBulkWriter* writer_;
  Sorter rows_;
  Sorter identifiers_;
  std::optional<Group> group_;
};

// The pass by id: writes the rows that stay, and puts the others into the stash, identifiers first.
class WriteWhatStays {
 public:
  WriteWhatStays(StepWork& work, OrderedBulkWriter& writer)
      : work_(work), writer_(writer), stash_(work.stash_writer()) {}

  void put_identifiers(Sorter& identifiers) {
    identifiers.rewind();
    for (Bytes bytes; identifiers.next(bytes);) {
      KeyReader reader(bytes);
      RowKey key;
      require(reader.uuid(key.id) && reader.nullable_uuid(key.drawing) && reader.text(key.piece_mark) &&
              reader.nullable_text(key.instance));
      put({What::identifier, work_.run(), kNoIdentifiers, identifier_row(key)});
    }
  }

  void write_rows(Sorter& set_aside) {
    const StepSource& source = work_.source();
    work_.progress().enter(Phase::rows, source.layout().count(source.transaction));
    set_aside.rewind();
    Bytes next;
    bool has_next = set_aside.next(next);
    const auto rows = source.layout().all_by_id(source.transaction, work_.sorting_folder());
    for (ComponentRow row; rows->next(row); work_.progress().advance()) {
      if (has_next && next == engine::bytes_of(row.id)) {
        put({What::row, work_.run(), kAnotherStays, row});
        has_next = set_aside.next(next);
      } else {
        row.instance_identifier.reset();
        writer_.add(row);
      }
    }
  }

 private:
  void put(const StashRow& entry) {
    work_.tell(entry);
    stash_->put(Stash::State::waiting, entry);
  }

  StepWork& work_;
  OrderedBulkWriter& writer_;
  std::unique_ptr<Stash::Writer> stash_;
};

// ------------------------------------------------------------------------------------------------------------ Up

// What waits in the stash and cannot return, with the reason, by id.
class LeftOver {
 public:
  explicit LeftOver(const StepWork& work) : entries_(work.sorter()) {}

  void add(const Uuid& id, std::string_view reason) {
    record_.assign(engine::bytes_of(id));
    entries_.add(record_.append(reason));
  }

  void rewind() {
    entries_.rewind();
    has_entry_ = entries_.next(entry_);
  }
  // The reason why the entry with this id cannot return; nullopt if it can. Between two rewinds, ids are asked for
  // in ascending order.
  std::optional<std::string_view> reason(const Uuid& id) {
    const Bytes wanted = engine::bytes_of(id);
    while (has_entry_ && entry_.substr(0, wanted.size()) < wanted) has_entry_ = entries_.next(entry_);
    if (!has_entry_ || !entry_.starts_with(wanted)) return std::nullopt;
    return entry_.substr(wanted.size());
  }

 private:
  Sorter entries_;
  std::string record_;
  Bytes entry_;
  bool has_entry_ = false;
};

// What may return, in the order of keys: drawing and mark, then what, id, and identifier.
class Candidates {
 public:
  explicit Candidates(const StepWork& work) : records_(work.sorter()) {}

  void add(const StashRow& entry) {
    KeyWriter record;
    record.nullable_uuid(entry.row.drawing_id).text(entry.row.piece_mark);
    record.text(entry.what == What::identifier ? "1" : "2").uuid(entry.row.id);
    records_.add(record.nullable_text(entry.row.instance_identifier).bytes());
  }

  void rewind() {
    records_.rewind();
    next();
  }
  void next() {
    is_valid_ = records_.next(record_);
    if (!is_valid_) return;
    KeyReader reader(record_);
    std::string_view what;
    require(reader.nullable_uuid(key_.drawing) && reader.text(key_.piece_mark) && reader.text(what) &&
            reader.uuid(key_.id) && reader.nullable_text(key_.instance));
    what_ = what == "1" ? What::identifier : What::row;
    const std::size_t group_size = 1 + (key_.drawing ? sizeof(Uuid) : 0) + key_.piece_mark.size() + 1;
    group_ = record_.substr(0, group_size);
  }

  bool is_valid() const { return is_valid_; }
  Bytes group() const { return group_; }
  const RowKey& key() const { return key_; }
  bool is_in(Bytes group, What what) const { return is_valid_ && what_ == what && group_ == group; }

 private:
  Sorter records_;
  Bytes record_;
  Bytes group_;
  RowKey key_;
  What what_ = What::row;
  bool is_valid_ = false;
};

// The keys of the file, one at hand.
class PresentKeys {
 public:
  explicit PresentKeys(const StepSource& source) : keys_(source.layout().all_keys(source.transaction)) {
    next();
  }

  void next() {
    is_valid_ = keys_->next(key_);
    group_.clear();
  }
  bool is_valid() const { return is_valid_; }
  const RowKey& key() const { return key_; }
  Bytes group() {
    if (group_.bytes().empty()) group_.nullable_uuid(key_.drawing).text(key_.piece_mark);
    return group_.bytes();
  }

 private:
  std::unique_ptr<index::KeyCursor> keys_;
  RowKey key_;
  KeyWriter group_;
  bool is_valid_ = false;
};

class Restorer {
 public:
  // `writer` is nullptr in a plan.
  Restorer(StepWork& work, OrderedBulkWriter* writer)
      : work_(work), writer_(writer), left_over_(work), candidates_(work) {}

  // What waits is held against the rows that are there now: does the row still have its mark and drawing, is the id
  // of a stashed row still free, and is its drawing there?
  void look_by_id() {
    Stash::Waiting identifiers = work_.waiting(What::identifier);
    Stash::Waiting returning = work_.waiting(What::row);
    const StepSource& source = work_.source();
    work_.progress().enter(Phase::stash, source.layout().count(source.transaction));
    const auto rows = source.layout().all_by_id(source.transaction, work_.sorting_folder());
    for (ComponentRow row; rows->next(row); work_.progress().advance()) {
      look_before(&row.id, identifiers, returning);
      if (is_at(identifiers, row.id)) {
        judge_identifier(identifiers.read(), row);
        identifiers.next();
      }
      if (is_at(returning, row.id)) {
        left_over_.add(row.id, "its id is taken by component " + row.id.to_string());
        returning.next();
      }
    }
    look_before(nullptr, identifiers, returning);
  }

  // Writes the index: what is there, and what returns between it.
  void write_keys() {
    const StepSource& source = work_.source();
    work_.progress().enter(Phase::index, source.layout().count(source.transaction));
    candidates_.rewind();
    PresentKeys present(source);
    while (present.is_valid() || candidates_.is_valid()) {
      if (!candidates_.is_valid() || (present.is_valid() && present.group() < candidates_.group())) {
        write_key(present.key());
        present.next();
        work_.progress().advance();
      } else {
        write_group(present);
      }
    }
  }

  // Writes the rows: those that are there, and those that return between them.
  void write_rows() {
    Stash::Waiting identifiers = work_.waiting(What::identifier);
    Stash::Waiting returning = work_.waiting(What::row);
    left_over_.rewind();
    const StepSource& source = work_.source();
    work_.progress().enter(Phase::rows, source.layout().count(source.transaction));
    const auto rows = source.layout().all_by_id(source.transaction, work_.sorting_folder());
    for (ComponentRow row; rows->next(row); work_.progress().advance()) {
      write_returning_before(&row.id, returning);
      while (is_before(identifiers, &row.id)) identifiers.next();
      if (is_at(identifiers, row.id) && !left_over_.reason(row.id)) {
        row.instance_identifier = identifiers.read().row.instance_identifier;
      }
      writer_->add(row);
    }
    write_returning_before(nullptr, returning);
  }

  // Tells of what is left over, and clears the stash of what has returned.
  void settle() {
    std::unique_ptr<Stash::Writer> stash = work_.stash_writer();
    for (const What what : {What::identifier, What::row}) {
      left_over_.rewind();
      for (Stash::Waiting waiting = work_.waiting(what); !waiting.at_end(); waiting.next()) {
        const auto reason = left_over_.reason(waiting.id());
        if (!reason) {
          work_.count_returned(what);
          continue;
        }
        work_.count_left_over();
        StashRow entry = waiting.read();
        entry.reason = *reason;
        work_.tell(entry);
        if (stash) stash->put(Stash::State::left_over, entry);
      }
    }
    stash.reset();
    if (work_.target() != nullptr) work_.clear_waiting();
  }

 private:
  static bool is_at(const Stash::Waiting& waiting, const Uuid& id) {
    return !waiting.at_end() && waiting.id() == id;
  }
  static bool is_before(const Stash::Waiting& waiting, const Uuid* id) {
    return !waiting.at_end() && (id == nullptr || waiting.id() < *id);
  }

  // Judges what waits for ids before this one, or for all that are left, none of which is there.
  void look_before(const Uuid* id, Stash::Waiting& identifiers, Stash::Waiting& returning) {
    for (; is_before(identifiers, id); identifiers.next()) {
      left_over_.add(identifiers.id(), "the component is not there any more");
    }
    for (; is_before(returning, id); returning.next()) judge_row(returning.read());
  }

  void judge_identifier(const StashRow& entry, const ComponentRow& now) {
    if (entry.row.drawing_id != now.drawing_id) {
      left_over_.add(now.id, "the component lies on another drawing now");
    } else if (entry.row.piece_mark != now.piece_mark) {
      left_over_.add(now.id, "the component has another piece mark now");
    } else {
      candidates_.add(entry);
    }
  }

  void judge_row(const StashRow& entry) {
    if (entry.row.drawing_id && !is_there(*entry.row.drawing_id)) {
      left_over_.add(entry.row.id, "its drawing is not there any more");
    } else {
      candidates_.add(entry);
    }
  }

  bool is_there(const Uuid& drawing) {
    if (drawing != asked_drawing_) {
      const StepSource& source = work_.source();
      is_there_ = source.components.drawings().contains(source.transaction, drawing);
      asked_drawing_ = drawing;
    }
    return is_there_;
  }

  void write_key(const RowKey& key) {
    if (work_.target() != nullptr) writer_->add_key(key);
  }

  bool must_be_unique(const DrawingKey& drawing, const InstanceKey& instance) const {
    return work_.source().components.nulls_not_distinct() || (drawing && instance);
  }

  // All keys of the drawing and mark of the candidate at hand, those that are there and those that return, sorted. Where
  // a key must be unique, the row that is there comes first and keeps it.
  void write_group(PresentKeys& present) {
    const std::string group(candidates_.group());
    const DrawingKey drawing = candidates_.key().drawing;
    const std::string mark(candidates_.key().piece_mark);
    Sorter keys = work_.sorter();
    for (; present.is_valid() && present.group() == group; present.next(), work_.progress().advance()) {
      RowKey key = present.key();
      const bool gets_identifier =
          candidates_.is_in(group, What::identifier) && candidates_.key().id == key.id;
      if (gets_identifier) key.instance = candidates_.key().instance;
      keys.add(sortable(key, Origin::present));
      if (gets_identifier) candidates_.next();
    }
    for (; candidates_.is_in(group, What::row); candidates_.next()) {
      keys.add(sortable(candidates_.key(), Origin::returning));
    }
    if (candidates_.is_in(group, What::identifier)) {
      throw Error(ErrorCode::corrupt_file,
                  {"cannot upgrade to format 2",
                   "component " + candidates_.key().id.to_string() + " without a key in the index",
                   {},
                   "run 'piecemark verify' on the file and go back to a backup"});
    }
    write_sorted(keys, drawing, mark);
  }

  enum class Origin : std::uint8_t { present = 1, returning = 2 };

  std::string sortable(const RowKey& key, Origin origin) const {
    const char rank = static_cast<char>(origin);
    std::string record = KeyWriter().nullable_text(key.instance).take();
    if (must_be_unique(key.drawing, key.instance)) record += rank;
    record.append(engine::bytes_of(key.id));
    return record += rank;
  }

  void write_sorted(Sorter& keys, const DrawingKey& drawing, std::string_view mark) {
    std::optional<std::string> taken;  // the key that must not come again, and whose it is
    Uuid holder;
    keys.rewind();
    for (Bytes record; keys.next(record);) {
      KeyReader reader(record);
      InstanceKey instance;
      require(reader.nullable_text(instance));
      const Uuid id = engine::uuid_from(record.substr(record.size() - 1 - sizeof(Uuid)));
      if (must_be_unique(drawing, instance)) {
        std::string key = KeyWriter().nullable_text(instance).take();
        if (taken == key && record.back() == static_cast<char>(Origin::returning)) {
          left_over_.add(id, "its key is taken by component " + holder.to_string());
          continue;
        }
        taken = std::move(key);
        holder = id;
      }
      write_key({drawing, mark, instance, id});
    }
  }

  void write_returning_before(const Uuid* id, Stash::Waiting& returning) {
    for (; is_before(returning, id); returning.next()) {
      if (!left_over_.reason(returning.id())) writer_->add(returning.read().row);
    }
    if (id != nullptr && is_at(returning, *id)) returning.next();  // Its id is taken.
  }

  StepWork& work_;
  OrderedBulkWriter* writer_;
  LeftOver left_over_;
  Candidates candidates_;
  std::optional<Uuid> asked_drawing_;
  bool is_there_ = false;
};

std::unique_ptr<OrderedBulkWriter> writer_to(const StepTarget* target) {
  if (target == nullptr) return nullptr;
  const auto& layout = dynamic_cast<const index::OrderedLayout&>(target->layout());
  return std::make_unique<OrderedBulkWriter>(layout, target->transaction);
}

}  // namespace

void upgrade_to_instance_identifier(StepWork& work) {
  const auto writer = writer_to(work.target());
  Restorer restorer(work, writer.get());
  const bool anything_waits = work.anything_waits();
  if (work.target() == nullptr && !anything_waits) return;
  if (anything_waits) restorer.look_by_id();
  restorer.write_keys();
  if (work.target() != nullptr) {
    restorer.write_rows();
    writer->finish();
  }
  restorer.settle();
}

void downgrade_from_instance_identifier(StepWork& work) {
  const auto writer = writer_to(work.target());
  ChooseWhatStays choice(work, writer.get());
  choice.run();
  if (work.target() == nullptr) return;
  {
    WriteWhatStays pass(work, *writer);
    pass.put_identifiers(choice.identifiers());
    pass.write_rows(choice.rows());
  }
  writer->finish();
}

}  // namespace piecemark::migration
