#include "container.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "piecemark/error.h"

namespace piecemark::engine {
namespace {

// LMDB's data format: a page header of 16 bytes, then the meta record, in each of the first two pages.
constexpr std::uint32_t kLmdbMagic = 0xBEEFC0DE;
constexpr std::uint32_t kLmdbVersion = 1;
constexpr std::size_t kMetaOffset = 16;
constexpr std::size_t kMetaOffsetOfLmdb1 = 24;  // LMDB 1.0 has a transaction id in every page header.
constexpr std::size_t kHeadSize = 152;

struct Signature {
  std::string_view bytes;
  std::string_view description;
};

constexpr auto kSignatures = std::to_array<Signature>({
    {"SQLite format 3", "an SQLite database"},
    {"PK\x03\x04", "a ZIP archive"},
    {"\x1F\x8B", "a gzip archive"},
    {"%PDF", "a PDF document"},
    {"\x7F"
     "ELF",
     "a program"},
    {"ISO-10303-21", "an IFC or STEP file; import takes CSV and NDJSON"},
    {"{", "a text file, perhaps JSON; 'piecemark import' reads NDJSON into a store"},
});

// The text may end within a character of up to four bytes.
bool is_utf8_up_to_its_end(std::string_view text) {
  for (std::size_t cut = 0; cut < 4 && cut <= text.size(); ++cut) {
    if (simdjson::validate_utf8(text.data(), text.size() - cut)) return true;
  }
  return false;
}

std::string name_of_unknown(std::string_view head) {
  for (const Signature& signature : kSignatures) {
    if (head.starts_with(signature.bytes)) return std::string(signature.description);
  }
  const bool has_controls = std::any_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  const bool is_text = !has_controls && is_utf8_up_to_its_end(head);
  return is_text ? "a text file; 'piecemark import' reads CSV and NDJSON into a store"
                 : "bytes of an unknown kind";
}

bool has_magic_at(std::string_view head, std::size_t offset) {
  return head.size() >= offset + 8 && load<std::uint32_t>(head.data() + offset) == kLmdbMagic;
}

bool has_swapped_magic(std::string_view head) {
  return head.size() >= kMetaOffset + 4 && load<std::uint32_t>(head.data() + kMetaOffset) == 0xDEC0EFBE;
}

std::string read_head(const os::File& file, std::uint64_t offset, std::size_t size) {
  std::string head(size, '\0');
  std::size_t got = 0;
  if (os::read_at(file, offset, head, got)) got = 0;
  head.resize(got);
  return head;
}

}  // namespace

Container identify_container(const os::File& file) {
  const std::string head = read_head(file, 0, kHeadSize);
  if (head.empty()) return {ContainerKind::something_else, "an empty file"};
  if (has_magic_at(head, kMetaOffset)) {
    const auto version = load<std::uint32_t>(head.data() + kMetaOffset + 4);
    if (version == kLmdbVersion) return {ContainerKind::lmdb, "an LMDB 0.9 file"};
    return {ContainerKind::other_lmdb, "an LMDB file of data version " + std::to_string(version)};
  }
  if (has_magic_at(head, kMetaOffsetOfLmdb1)) return {ContainerKind::other_lmdb, "an LMDB 1.0 file"};
  if (has_swapped_magic(head)) return {ContainerKind::other_lmdb, "an LMDB file of a big-endian machine"};
  if (has_magic_at(head, 8) || has_magic_at(head, 12)) {
    return {ContainerKind::other_lmdb, "an LMDB file of a 32-bit machine"};
  }
  return {ContainerKind::something_else, name_of_unknown(head)};
}

void require_lmdb_container(const os::File& file, const std::string& path) {
  const std::string attempted = "cannot open '" + path + "'";
  const Container container = identify_container(file);
  if (container.kind == ContainerKind::something_else) {
    throw Error(ErrorCode::not_a_store,
                {attempted, container.description, "Piecemark stores, which are LMDB 0.9 files",
                 "check that this is the right file"});
  }
  if (container.kind == ContainerKind::other_lmdb) {
    throw Error(
        ErrorCode::unsupported_container,
        {attempted, container.description, "LMDB 0.9 files of 64-bit little-endian machines",
         "run 'piecemark export' with the build that wrote the file, then 'piecemark import' with this one"});
  }
}

std::optional<Stamp> search_stamp(const os::File& file) {
  constexpr std::size_t kChunk = 1 << 20;
  std::optional<Stamp> newest;
  for (std::uint64_t offset = 0;; offset += kChunk) {
    // Chunks overlap, so that no stamp is cut in two.
    const std::string chunk = read_head(file, offset, kChunk + kStampSize);
    for (auto at = chunk.find(kStampMagic); at < kChunk; at = chunk.find(kStampMagic, at + 1)) {
      const auto stamp = decode_stamp(Bytes(chunk).substr(at, kStampSize));
      if (stamp && (!newest || stamp->migrated_at >= newest->migrated_at)) newest = stamp;
    }
    if (chunk.size() <= kChunk) return newest;
  }
}

}  // namespace piecemark::engine
