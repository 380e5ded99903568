#include "block.h"

#include <cstring>

#include "engine/bytes.h"
#include "engine/hash.h"
#include "engine/key.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::load;
using engine::store;

constexpr std::size_t kBytesOfEntry = sizeof(RowHash) + sizeof(std::uint32_t) + sizeof(std::uint16_t);

constexpr std::size_t kTextMax = 0x1FFF;  // Far above every column; four of them lie within reach of 2 bytes.
constexpr std::size_t kInstanceMax = 0xFF;

constexpr std::string_view kUsualStatus = "pending";
constexpr std::int32_t kUsualQuantity = 1;

// What a row has, in its flags. Values that most rows have take no bytes.
using Flag = unsigned;
constexpr Flag kHasInstance = 1U << 0;
constexpr Flag kHasType = 1U << 1;
constexpr Flag kHasQuantity = 1U << 2;
constexpr Flag kHasUsualQuantity = 1U << 3;
constexpr Flag kHasMaterial = 1U << 4;
constexpr Flag kHasX = 1U << 5;
constexpr Flag kHasY = 1U << 6;
constexpr Flag kHasBox = 1U << 7;
constexpr Flag kHasConfidence = 1U << 8;
constexpr Flag kHasStatus = 1U << 9;
constexpr Flag kHasUsualStatus = 1U << 10;
constexpr Flag kHasCreated = 1U << 11;
constexpr Flag kHasUpdated = 1U << 12;
constexpr Flag kHasUpdatedAsCreated = 1U << 13;
constexpr unsigned kKnownFlags = (1U << 14) - 1;

// A value that takes no bytes is not there with bytes as well.
bool have_sense(unsigned flags) {
  constexpr unsigned kOneOfTwo = kHasQuantity | kHasStatus | kHasUpdated;  // the usual value is the next flag
  static_assert(kHasUsualQuantity == kHasQuantity << 1 && kHasUsualStatus == kHasStatus << 1 &&
                kHasUpdatedAsCreated == kHasUpdated << 1);
  return (flags & ~kKnownFlags) == 0 && (flags & flags >> 1 & kOneOfTwo) == 0 &&
         (flags & (kHasUpdatedAsCreated | kHasCreated)) != kHasUpdatedAsCreated;
}

constexpr std::size_t kFlagsAt = sizeof(Uuid);
constexpr std::size_t kFieldsAt = kFlagsAt + sizeof(std::uint16_t);

// How many bytes the fields before instance_identifier and bounding_box take.
std::size_t fixed_size_of(unsigned flags) {
  const auto bytes_if = [&](Flag flag, std::size_t bytes) { return (flags & flag) != 0 ? bytes : 0; };
  return 2 + bytes_if(kHasType, 2) + bytes_if(kHasMaterial, 2) + bytes_if(kHasStatus, 2) +
         bytes_if(kHasQuantity, 4) + bytes_if(kHasX, 8) + bytes_if(kHasY, 8) + bytes_if(kHasConfidence, 8) +
         bytes_if(kHasCreated, 8) + bytes_if(kHasUpdated, 8);
}

// Takes the fields of a row, of which there are enough bytes, one after the other.
class Fields {
 public:
  Fields(const char* at, unsigned flags, Bytes texts) : at_(at), flags_(flags), texts_(texts) {}

  bool has(Flag flag) const { return (flags_ & flag) != 0; }

  template <class T>
  void number(Flag flag, std::optional<T>& value) {
    if (has(flag)) {
      std::memcpy(&value.emplace(), at_, sizeof(T));
      at_ += sizeof(T);
    } else {
      value.reset();
    }
  }
  // A text that lies among those of the block.
  std::string_view shared() {
    const auto offset = load<std::uint16_t>(at_);
    at_ += sizeof offset;
    if (texts_.size() < offset + std::size_t{2}) return shared_at_end(offset);
    const char* const text = texts_.data() + offset;
    const auto first = static_cast<unsigned char>(*text);
    const bool is_short = first <= 0x7F;
    const std::size_t begin = is_short ? 1 : 2;
    const std::size_t size =
        is_short ? first : std::size_t{first & 0x7FU} << 8 | static_cast<unsigned char>(text[1]);
    if (size > texts_.size() - offset - begin) is_ok_ = false;
    return is_ok_ ? std::string_view(text + begin, size) : std::string_view();
  }
  void shared(Flag flag, std::optional<std::string_view>& text) {
    if (has(flag)) {
      text = shared();
    } else {
      text.reset();
    }
  }

  const char* at() const { return at_; }
  bool is_ok() const { return is_ok_; }

 private:
  // The last text of a block may be empty: then its length is the last byte.
  std::string_view shared_at_end(std::size_t offset) {
    is_ok_ = is_ok_ && offset < texts_.size() && texts_[offset] == '\0';
    return "";
  }

  const char* at_;
  unsigned flags_;
  Bytes texts_;
  bool is_ok_ = true;
};

// What comes behind the fields of a fixed size. False unless it is all there is.
bool read_tail(Bytes tail, unsigned flags, ComponentRow& to) {
  to.instance_identifier.reset();
  to.bounding_box.reset();
  if ((flags & kHasInstance) != 0) {
    const std::size_t size = static_cast<unsigned char>(tail[0]);
    if (size + 1 > tail.size()) return false;
    to.instance_identifier.emplace(tail.data() + 1, size);
    tail.remove_prefix(1 + size);
  }
  if ((flags & kHasBox) != 0) {
    to.bounding_box = tail;
    return true;
  }
  return tail.empty();
}

std::uint32_t cut(std::uint64_t hash, unsigned bits) {
  return static_cast<std::uint32_t>(hash >> 33) & static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
}

}  // namespace

std::uint32_t block_check_of(Bytes row) {
  return static_cast<std::uint32_t>(engine::xxh3(row));
}

RowHash RowHasher::of_mark(std::string_view piece_mark) const {
  return RowHash{cut(engine::xxh3(piece_mark), bits)} << 32;
}

std::uint32_t RowHasher::of_instance(const std::optional<std::string_view>& instance) const {
  return instance ? cut(engine::xxh3(*instance), bits) + 1 : 0;
}

Block::Block(const engine::RecordPlace& place, Bytes bytes) : place_(place), bytes_(bytes) {
  if (bytes.size() < kBlockHashesAt) throw_corrupt("a block that is too short");
  count_ = load<std::uint16_t>(bytes.data() + kBlockCountAt);
  texts_end_ = load<std::uint16_t>(bytes.data() + kBlockTextsEndAt);
  const bool has_sense =
      count_ > 0 && kBlockHashesAt + count_ * kBytesOfEntry <= texts_end_ && texts_end_ <= bytes.size();
  if (!has_sense || load<std::uint64_t>(bytes.data()) !=
                        engine::checksum_of(place, bytes.substr(kBlockCountAt, texts_end_ - kBlockCountAt))) {
    throw_corrupt("a block that fails its checksum");
  }
}

RowHash Block::hash(std::size_t row) const {
  return load<RowHash>(bytes_.data() + kBlockHashesAt + row * sizeof(RowHash));
}

std::size_t Block::lower_bound(RowHash hash) const {
  std::size_t first = 0;
  for (std::size_t left = count_; left > 0;) {
    const std::size_t half = left / 2;
    if (this->hash(first + half) < hash) {
      first += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  return first;
}

std::uint16_t Block::start_of(std::size_t row) const {
  return load<std::uint16_t>(bytes_.data() + block_start_at(count_, row));
}

Bytes Block::row_bytes(std::size_t row) const {
  const std::size_t start = start_of(row);
  const std::size_t end = row + 1 < count_ ? start_of(row + 1) : bytes_.size();
  const bool is_inside = start >= texts_end_ && end <= bytes_.size() && start + kFieldsAt <= end;
  if (!is_inside) throw_corrupt("a row that lies outside of its block");
  return {bytes_.data() + start, end - start};
}

Bytes Block::id(std::size_t row) const {
  return row_bytes(row).substr(0, sizeof(Uuid));
}

void Block::read(std::size_t row, ComponentRow& to) const {
  const Bytes bytes = row_bytes(row);
  const std::size_t check_at = kBlockHashesAt + count_ * sizeof(RowHash) + row * sizeof(std::uint32_t);
  if (load<std::uint32_t>(bytes_.data() + check_at) != block_check_of(bytes)) {
    throw_corrupt_row("a row that fails its checksum", bytes);
  }
  const unsigned flags = load<std::uint16_t>(bytes.data() + kFlagsAt);
  const std::size_t texts_at = kBlockHashesAt + count_ * kBytesOfEntry;
  Fields fields(bytes.data() + kFieldsAt, flags, bytes_.substr(texts_at, texts_end_ - texts_at));
  const std::size_t instance_at = kFieldsAt + fixed_size_of(flags);
  bool has_sense = have_sense(flags) && instance_at + (fields.has(kHasInstance) ? 1U : 0U) <= bytes.size();
  if (has_sense) {
    to.id = engine::uuid_from(bytes);
    to.piece_mark = fields.shared();
    fields.shared(kHasType, to.component_type);
    fields.shared(kHasMaterial, to.material_type);
    fields.shared(kHasStatus, to.review_status);
    if (fields.has(kHasUsualStatus)) to.review_status = kUsualStatus;
    fields.number(kHasQuantity, to.quantity);
    if (fields.has(kHasUsualQuantity)) to.quantity = kUsualQuantity;
    fields.number(kHasX, to.location_x);
    fields.number(kHasY, to.location_y);
    fields.number(kHasConfidence, to.confidence_score);
    fields.number(kHasCreated, to.created_at);
    fields.number(kHasUpdated, to.updated_at);
    if (fields.has(kHasUpdatedAsCreated)) to.updated_at = to.created_at;
    has_sense = fields.is_ok() && read_tail(bytes.substr(instance_at), flags, to);
  }
  if (!has_sense) throw_corrupt_row("a row that has no sense", bytes);
}

void Block::throw_corrupt(const char* found) const {
  engine::throw_corrupt_record(place_, found);
}

void Block::throw_corrupt_row(const char* found, Bytes row) const {
  engine::throw_corrupt_record(place_, found + (": component " + engine::uuid_from(row).to_string()));
}

namespace {

// Rows of another layout may have come from a damaged file.
void require_text_fits(std::size_t size, std::size_t max) {
  if (size <= max) return;
  throw Error(ErrorCode::corrupt_record,
              {"cannot write a row to a block", "a text of " + std::to_string(size) + " bytes",
               "texts up to " + std::to_string(max) + " bytes",
               "run 'piecemark verify' on the file that it comes from"});
}

template <class T>
void append_if(bool is_there, const std::optional<T>& value, std::string& to) {
  if (is_there) to.append(reinterpret_cast<const char*>(&*value), sizeof *value);
}

std::uint16_t flags_of(const ComponentRow& row) {
  unsigned flags = 0;
  const auto set_if = [&](bool is_there, Flag flag) { flags |= is_there ? flag : 0U; };
  set_if(row.instance_identifier.has_value(), kHasInstance);
  set_if(row.component_type.has_value(), kHasType);
  set_if(row.quantity.has_value(), row.quantity == kUsualQuantity ? kHasUsualQuantity : kHasQuantity);
  set_if(row.material_type.has_value(), kHasMaterial);
  set_if(row.location_x.has_value(), kHasX);
  set_if(row.location_y.has_value(), kHasY);
  set_if(row.bounding_box.has_value(), kHasBox);
  set_if(row.confidence_score.has_value(), kHasConfidence);
  set_if(row.review_status.has_value(), row.review_status == kUsualStatus ? kHasUsualStatus : kHasStatus);
  set_if(row.created_at.has_value(), kHasCreated);
  set_if(row.updated_at.has_value(), row.updated_at == row.created_at ? kHasUpdatedAsCreated : kHasUpdated);
  return static_cast<std::uint16_t>(flags);
}

}  // namespace

std::string_view BlockBuilder::text_at(const Text& text) const {
  const std::size_t length_bytes = text.size > 0x7F ? 2 : 1;
  return std::string_view(text_bytes_).substr(text.offset + length_bytes, text.size);
}

// Where the text lies within the texts; puts it there if it does not yet. The row before has it most often.
std::uint16_t BlockBuilder::share(Shared column, std::string_view text) {
  Text& last = last_[static_cast<std::size_t>(column)];
  if (last.size == text.size() && text_at(last) == text) return last.offset;
  for (const Text& present : texts_) {
    if (present.size != text.size() || text_at(present) != text) continue;
    last = present;
    return present.offset;
  }
  require_text_fits(text.size(), kTextMax);
  last = {static_cast<std::uint16_t>(text_bytes_.size()), static_cast<std::uint16_t>(text.size())};
  if (text.size() > 0x7F) text_bytes_ += static_cast<char>(0x80 | text.size() >> 8);
  text_bytes_ += static_cast<char>(text.size());
  text_bytes_ += text;
  texts_.push_back(last);
  return last.offset;
}

void BlockBuilder::append_row(const ComponentRow& row, std::string& to) {
  const std::uint16_t flags = flags_of(row);
  const auto has = [&](Flag flag) { return (flags & flag) != 0; };
  const auto refer = [&](Shared column, std::string_view text) { engine::append(to, share(column, text)); };
  to.append(engine::bytes_of(row.id));
  engine::append(to, flags);
  refer(Shared::mark, row.piece_mark);
  if (has(kHasType)) refer(Shared::type, *row.component_type);
  if (has(kHasMaterial)) refer(Shared::material, *row.material_type);
  if (has(kHasStatus)) refer(Shared::status, *row.review_status);
  append_if(has(kHasQuantity), row.quantity, to);
  append_if(has(kHasX), row.location_x, to);
  append_if(has(kHasY), row.location_y, to);
  append_if(has(kHasConfidence), row.confidence_score, to);
  append_if(has(kHasCreated), row.created_at, to);
  append_if(has(kHasUpdated), row.updated_at, to);
  if (has(kHasInstance)) {
    require_text_fits(row.instance_identifier->size(), kInstanceMax);
    to += static_cast<char>(row.instance_identifier->size());
    to += *row.instance_identifier;
  }
  if (has(kHasBox)) to += *row.bounding_box;
}

std::size_t BlockBuilder::size() const {
  return kBlockHashesAt + hashes_.size() * kBytesOfEntry + text_bytes_.size() + rows_.size();
}

bool BlockBuilder::add(const HashedRow& row, std::size_t capacity) {
  const std::size_t rows_size = rows_.size();
  const std::size_t texts_size = text_bytes_.size();
  const std::size_t texts_count = texts_.size();
  append_row(row.row, rows_);
  if (!is_empty() && size() + kBytesOfEntry > capacity) {
    rows_.resize(rows_size);
    text_bytes_.resize(texts_size);
    texts_.resize(texts_count);
    last_ = {};
    return false;
  }
  hashes_.push_back(row.hash);
  checks_.push_back(block_check_of(Bytes(rows_).substr(rows_size)));
  starts_.push_back(rows_size);
  return true;
}

void BlockBuilder::finish(const engine::RecordPlace& place, std::string& block) {
  const std::size_t count = hashes_.size();
  const std::size_t texts_end = kBlockHashesAt + count * kBytesOfEntry + text_bytes_.size();
  block.resize(texts_end);
  char* at = block.data() + kBlockCountAt;
  const auto put = [&](auto number) {
    store(at, number);
    at += sizeof number;
  };
  put(static_cast<std::uint16_t>(count));
  put(static_cast<std::uint16_t>(texts_end));
  for (const RowHash hash : hashes_) put(hash);
  for (const std::uint32_t check : checks_) put(check);
  for (const std::size_t start : starts_) put(static_cast<std::uint16_t>(texts_end + start));
  std::memcpy(at, text_bytes_.data(), text_bytes_.size());
  store(block.data(), engine::checksum_of(place, Bytes(block).substr(kBlockCountAt)));
  block += rows_;
  clear();
}

void BlockBuilder::clear() noexcept {
  hashes_.clear();
  checks_.clear();
  starts_.clear();
  texts_.clear();
  text_bytes_.clear();
  rows_.clear();
  last_ = {};
}

}  // namespace piecemark::index
