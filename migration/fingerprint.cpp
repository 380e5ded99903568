#include "fingerprint.h"

// Inlined: a call costs as much as the hash of a short key.
#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): the library's name
#include <xxhash.h>

#include <bit>
#include <cmath>

#include "engine/key.h"

namespace piecemark {

std::string Fingerprint::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t half : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 0x0FU];
  }
  return text;
}

Fingerprint& Fingerprint::operator+=(const Fingerprint& other) {
  rows += other.rows;
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

}  // namespace piecemark

namespace piecemark::migration {
namespace {

constexpr std::uint64_t kCanonicalNaN = 0x7FF8000000000000;

// Canonical bytes: for each column its number, then 0 for NULL, or 1 and the value.
class Canonical {
 public:
  explicit Canonical(std::string& buffer) : bytes_((buffer.clear(), buffer)) {}

  template <class T>
  void column(std::uint8_t number, const std::optional<T>& value) {
    bytes_.integer(number);
    bytes_.integer(static_cast<std::uint8_t>(value ? 1 : 0));
    if (value) add(*value);
  }
  template <class T>
  void column(std::uint8_t number, const T& value) {
    bytes_.integer(number);
    bytes_.integer(std::uint8_t{1});
    add(value);
  }

  Fingerprint fingerprint() const {
    const XXH128_hash_t hash = XXH3_128bits(bytes_.written().data(), bytes_.written().size());
    return {.rows = 1, .low = hash.low64, .high = hash.high64};
  }

 private:
  void add(const Uuid& id) { bytes_.bytes(engine::bytes_of(id)); }
  void add(std::string_view text) {
    bytes_.integer(static_cast<std::uint32_t>(text.size()));
    bytes_.bytes(text);
  }
  void add(std::int32_t number) { bytes_.integer(number); }
  // All NaNs are one value, as they are to PostgreSQL and in text.
  void add(double number) {
    bytes_.integer(std::isnan(number) ? kCanonicalNaN : std::bit_cast<std::uint64_t>(number));
  }
  void add(Timestamp instant) { bytes_.integer(instant.microseconds); }

  engine::Appender bytes_;
};

template <class T>
bool is_null(const std::optional<T>& value) {
  return !value;
}
template <class T>
bool is_null(const T& /*never NULL*/) {
  return false;
}

}  // namespace

Fingerprint Fingerprinter::of(const ComponentRow& row, ColumnSet columns) {
  Canonical canonical(buffer_);
  for_each_column(row, [&](Column column, const auto& value) {
    if (columns.contains(column)) canonical.column(static_cast<std::uint8_t>(column), value);
  });
  return canonical.fingerprint();
}

Fingerprint Fingerprinter::of(const Drawing& drawing) {
  Canonical canonical(buffer_);
  canonical.column(1, drawing.id);
  canonical.column(2, drawing.name);
  return canonical.fingerprint();
}

Fingerprint Fingerprinter::of_values(const ComponentRow& row, ColumnSet columns) {
  Fingerprint sum;
  for_each_column(row, [&](Column column, const auto& value) {
    if (!columns.contains(column) || is_null(value)) return;
    Canonical canonical(buffer_);
    canonical.column(static_cast<std::uint8_t>(Column::id), row.id);
    canonical.column(static_cast<std::uint8_t>(column), value);
    sum += canonical.fingerprint();
  });
  return sum;
}

ContentFingerprint content_fingerprint(const engine::ReadTransaction& transaction,
                                       const index::Components& components, ColumnSet columns) {
  Fingerprinter fingerprint;
  ContentFingerprint content;
  components.drawings().for_each(
      transaction, [&](const Drawing& drawing) { content.drawings += fingerprint.of(drawing); });
  const auto rows = components.layout().scan(transaction);
  for (ComponentRow row; rows->next(row);) content.components += fingerprint.of(row, columns);
  return content;
}

}  // namespace piecemark::migration
