#include "history.h"

#include <limits>

#include "engine/record.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, piecemark::Fingerprint& fingerprint, const unsigned /*version*/) {
  archive& fingerprint.rows& fingerprint.low& fingerprint.high;
}

template <class Archive>
void serialize(Archive& archive, piecemark::Holdings& holdings, const unsigned /*version*/) {
  archive& holdings.rows_in_table& holdings.rows_in_stash;
  archive& holdings.drawings& holdings.components& holdings.extras;
}

template <class Archive>
void serialize(Archive& archive, piecemark::Receipt& receipt, const unsigned /*version*/) {
  archive& receipt.number& receipt.from& receipt.to& receipt.steps;
  archive& receipt.before& receipt.after;
  archive& receipt.stashed_rows& receipt.stashed_identifiers;
  archive& receipt.returned_rows& receipt.returned_identifiers& receipt.left_over;
  archive& receipt.library_version& receipt.started_at& receipt.duration_us;
}

}  // namespace boost::serialization

namespace piecemark::migration {
namespace {

constexpr unsigned kReceiptClassVersion = 0;

std::string key_of(std::uint32_t number) {
  std::string key;
  engine::append_big_endian(key, number);
  return key;
}

}  // namespace

std::uint32_t History::count(const engine::ReadTransaction& transaction) const {
  return static_cast<std::uint32_t>(transaction.entries(table_));
}

Receipt History::decode(engine::Bytes key, engine::Bytes value) const {
  Receipt receipt;
  engine::decode_record({table_.name, key}, value, kReceiptClassVersion, receipt);
  return receipt;
}

void History::for_each(const engine::ReadTransaction& transaction,
                       const std::function<void(const Receipt&)>& visit) const {
  engine::Cursor cursor(transaction, table_);
  for (bool found = cursor.first(); found; found = cursor.next()) {
    visit(decode(cursor.key(), cursor.value()));
  }
}

std::optional<Receipt> History::last(const engine::ReadTransaction& transaction) const {
  engine::Cursor cursor(transaction, table_);
  return cursor.last() ? std::optional(decode(cursor.key(), cursor.value())) : std::nullopt;
}

void History::copy_to(const History& other, const engine::ReadTransaction& from,
                      engine::WriteTransaction& to) const {
  for_each(from, [&](const Receipt& receipt) { other.add(to, receipt); });
}

void History::add(engine::WriteTransaction& transaction, const Receipt& receipt) const {
  const std::string key = key_of(receipt.number);
  std::string record;
  engine::encode_record({table_.name, key}, receipt, kReceiptClassVersion, record);
  if (!transaction.insert(table_, key, record))
    engine::throw_corrupt_record({table_.name, key}, "a receipt where there should be none");
}

std::uint32_t History::next_number(const engine::ReadTransaction& transaction) const {
  const auto newest = last(transaction);
  if (!newest) return 1;
  if (newest->number == std::numeric_limits<std::uint32_t>::max())
    engine::throw_corrupt_record({table_.name, key_of(newest->number)}, "the highest number of a receipt");
  return newest->number + 1;
}

}  // namespace piecemark::migration
