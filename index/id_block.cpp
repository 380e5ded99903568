#include "id_block.h"

#include <algorithm>
#include <cstring>

#include "engine/bytes.h"
#include "engine/hash.h"
#include "piecemark/error.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::bytes_of;
using engine::load;
using engine::store;

constexpr std::size_t kGroupsAt = 8;
constexpr std::size_t kEntriesAt = 10;
constexpr std::size_t kDirectoryAt = 12;
constexpr std::size_t kBytesOfGroup = sizeof(Uuid) + sizeof(std::uint32_t) + sizeof(std::uint16_t);

constexpr std::size_t kIdsAt = 2;  // within a group
constexpr std::size_t kBytesOfIdEntry = sizeof(Uuid) + sizeof(RowHash) + 1;

std::uint32_t check_of(Bytes group) {
  return static_cast<std::uint32_t>(engine::xxh3(group));
}

std::size_t size_of_group(std::size_t entries, std::size_t drawings) {
  return kIdsAt + entries * kBytesOfIdEntry + drawings * sizeof(Uuid);
}

}  // namespace

IdBlock::IdBlock(const engine::RecordPlace& place, Bytes bytes) : place_(place), bytes_(bytes) {
  if (bytes.size() < kDirectoryAt) throw_corrupt("a block of ids that is too short");
  groups_ = load<std::uint16_t>(bytes.data() + kGroupsAt);
  count_ = load<std::uint16_t>(bytes.data() + kEntriesAt);
  const std::size_t end = kDirectoryAt + groups_ * kBytesOfGroup;
  if (groups_ == 0 || end > bytes.size() ||
      load<std::uint64_t>(bytes.data()) !=
          engine::checksum_of(place, bytes.substr(kGroupsAt, end - kGroupsAt))) {
    throw_corrupt("a block of ids that fails its checksum");
  }
}

Uuid IdBlock::first_id(std::size_t group) const {
  return engine::uuid_from(bytes_.substr(kDirectoryAt + group * sizeof(Uuid)));
}

// Of the group behind the last one, the end of the block.
std::size_t IdBlock::start_of(std::size_t group) const {
  const char* const starts = bytes_.data() + kDirectoryAt + groups_ * (sizeof(Uuid) + sizeof(std::uint32_t));
  return group < groups_ ? load<std::uint16_t>(starts + group * sizeof(std::uint16_t)) : bytes_.size();
}

bool IdBlock::holds_check(std::size_t group, Bytes bytes) const {
  const char* const checks = bytes_.data() + kDirectoryAt + groups_ * sizeof(Uuid);
  return load<std::uint32_t>(checks + group * sizeof(std::uint32_t)) == check_of(bytes);
}

// The group that some bytes begin with.
std::optional<IdBlock::Group> IdBlock::group_in(Bytes bytes) {
  if (bytes.size() < kIdsAt) return std::nullopt;
  const Group group{static_cast<unsigned char>(bytes[0]), static_cast<unsigned char>(bytes[1]),
                    bytes.data() + kIdsAt};
  if (group.count == 0 || bytes.size() < size_of_group(group.count, group.drawings)) return std::nullopt;
  return group;
}

IdBlock::Group IdBlock::group(std::size_t at) const {
  const std::size_t start = start_of(at);
  const std::size_t end = start_of(at + 1);
  if (start >= end || end > bytes_.size()) throw_corrupt("ids that lie outside of their block");
  const Bytes bytes = bytes_.substr(start, end - start);
  if (!holds_check(at, bytes)) throw_corrupt("ids that fail their checksum");
  const auto group = group_in(bytes);
  if (!group || bytes.size() != size_of_group(group->count, group->drawings)) {
    throw_corrupt("ids that have no sense");
  }
  return *group;
}

bool IdBlock::read_without_key(Bytes bytes, const std::function<void(const IdEntry&)>& visit) {
  if (bytes.size() < kDirectoryAt) return false;
  const std::size_t groups = load<std::uint16_t>(bytes.data() + kGroupsAt);
  if (kDirectoryAt + groups * kBytesOfGroup > bytes.size()) return false;
  const IdBlock block(bytes, groups);
  bool has_any = false;
  for (std::size_t at = 0; at < groups; ++at) {
    const Bytes from = bytes.substr(std::min(block.start_of(at), bytes.size()));
    const auto group = group_in(from);
    if (!group || !block.holds_check(at, from.substr(0, size_of_group(group->count, group->drawings)))) {
      continue;
    }
    has_any = true;
    for (std::size_t i = 0; i < group->count; ++i) {
      try {
        visit(block.entry(*group, i));
      } catch (const Error&) {
        break;
      }
    }
  }
  return has_any;
}

IdEntry IdBlock::entry(const Group& group, std::size_t at) const {
  const char* const hashes = group.ids + group.count * sizeof(Uuid);
  const char* const places = hashes + group.count * sizeof(RowHash);
  const char* const drawings = places + group.count;
  IdEntry entry{.id = group.id(at), .drawing = {}, .hash = load<RowHash>(hashes + at * sizeof(RowHash))};
  const std::size_t place = static_cast<unsigned char>(places[at]);
  if (place > group.drawings) throw_corrupt("an id of a drawing that its block does not name");
  if (place > 0) entry.drawing = engine::uuid_from({drawings + (place - 1) * sizeof(Uuid), sizeof(Uuid)});
  return entry;
}

std::optional<IdEntry> IdBlock::find(const Uuid& id) const {
  std::size_t behind = 0;  // the first group whose ids are all greater
  while (behind < groups_ && first_id(behind) <= id) ++behind;
  if (behind == 0) return std::nullopt;
  const Group in = group(behind - 1);
  std::size_t first = 0;
  for (std::size_t left = in.count; left > 0;) {
    const std::size_t half = left / 2;
    if (in.id(first + half) < id) {
      first += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  if (first == in.count || in.id(first) != id) return std::nullopt;
  return entry(in, first);
}

void IdBlock::read(std::vector<IdEntry>& entries) const {
  entries.clear();
  for (std::size_t i = 0; i < groups_; ++i) {
    const Group in = group(i);
    for (std::size_t at = 0; at < in.count; ++at) entries.push_back(entry(in, at));
    if (entries[entries.size() - in.count].id != first_id(i)) throw_corrupt("ids in the wrong order");
  }
  const auto is_not_ascending = [](const IdEntry& a, const IdEntry& b) { return a.id >= b.id; };
  const bool is_sorted =
      std::adjacent_find(entries.begin(), entries.end(), is_not_ascending) == entries.end();
  if (!is_sorted || entries.size() != count_) throw_corrupt("ids in the wrong order");
}

void IdBlock::throw_corrupt(const char* found) const {
  engine::throw_corrupt_record(place_, found);
}

// From 1, as in the block; 0 for no drawing, and one more than there are for one that is not among them.
std::size_t IdBlockBuilder::place_of(const DrawingKey& drawing) const {
  if (!drawing) return 0;
  const auto found = std::find(drawings_.rbegin(), drawings_.rend(), *drawing);
  return found == drawings_.rend() ? drawings_.size() + 1
                                   : static_cast<std::size_t>(drawings_.rend() - found);
}

bool IdBlockBuilder::add(const IdEntry& entry, std::size_t capacity) {
  const bool begins_group = entries_.size() % kGroupMax == 0;
  const bool is_new_drawing =
      begins_group ? entry.drawing.has_value() : place_of(entry.drawing) > drawings_.size();
  std::size_t size = is_empty() ? kDirectoryAt : size_;
  size += kBytesOfIdEntry + (is_new_drawing ? sizeof(Uuid) : 0) + (begins_group ? kBytesOfGroup + kIdsAt : 0);
  if (!is_empty() && size > capacity) return false;
  if (begins_group) drawings_.clear();
  if (is_new_drawing) drawings_.push_back(*entry.drawing);
  entries_.push_back(entry);
  size_ = size;
  return true;
}

void IdBlockBuilder::append_group(const IdEntry* first, const IdEntry* last, std::string& to) {
  const auto count = static_cast<std::size_t>(last - first);
  const std::size_t start = to.size();
  to.resize(start + kIdsAt);
  for (const IdEntry* entry = first; entry != last; ++entry) to.append(bytes_of(entry->id));
  for (const IdEntry* entry = first; entry != last; ++entry) engine::append(to, entry->hash);
  drawings_.clear();
  for (const IdEntry* entry = first; entry != last; ++entry) {
    const std::size_t place = place_of(entry->drawing);
    if (place > drawings_.size()) drawings_.push_back(*entry->drawing);
    to += static_cast<char>(place);
  }
  for (const Uuid& drawing : drawings_) to.append(bytes_of(drawing));
  to[start] = static_cast<char>(count);
  to[start + 1] = static_cast<char>(drawings_.size());
}

void IdBlockBuilder::finish(const engine::RecordPlace& place, std::string& block) {
  const std::size_t groups = (entries_.size() + kGroupMax - 1) / kGroupMax;
  const std::size_t directory_end = kDirectoryAt + groups * kBytesOfGroup;
  block.assign(directory_end, '\0');
  store(block.data() + kGroupsAt, static_cast<std::uint16_t>(groups));
  store(block.data() + kEntriesAt, static_cast<std::uint16_t>(entries_.size()));
  for (std::size_t i = 0; i < groups; ++i) {
    const IdEntry* const first = entries_.data() + i * kGroupMax;
    const IdEntry* const last = entries_.data() + std::min(entries_.size(), (i + 1) * kGroupMax);
    const std::size_t start = block.size();
    append_group(first, last, block);
    char* const checks = block.data() + kDirectoryAt + groups * sizeof(Uuid);
    char* const starts = checks + groups * sizeof(std::uint32_t);
    std::memcpy(block.data() + kDirectoryAt + i * sizeof(Uuid), first->id.bytes.data(), sizeof(Uuid));
    store(checks + i * sizeof(std::uint32_t), check_of(Bytes(block).substr(start)));
    store(starts + i * sizeof(std::uint16_t), static_cast<std::uint16_t>(start));
  }
  store(block.data(), engine::checksum_of(place, Bytes(block).substr(kGroupsAt, directory_end - kGroupsAt)));
  clear();
}

void IdBlockBuilder::clear() noexcept {
  entries_.clear();
  drawings_.clear();
}

}  // namespace piecemark::index
