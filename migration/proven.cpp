#include "proven.h"

#include "engine/record.h"
#include "index/tables.h"

namespace piecemark::migration {
namespace {

constexpr unsigned kProvenClassVersion = 0;

engine::Table meta(const engine::ReadTransaction& transaction) {
  return index::table(*transaction.environment(), index::TableId::meta);
}

}  // namespace

std::optional<std::uint32_t> proven_receipt(const engine::ReadTransaction& transaction) {
  const auto record = transaction.get(meta(transaction), kProvenKey);
  if (!record) return std::nullopt;
  std::uint32_t receipt = 0;
  engine::decode_record({meta(transaction).name, kProvenKey}, *record, kProvenClassVersion, receipt);
  return receipt;
}

void mark_proven(engine::WriteTransaction& transaction, std::uint32_t receipt) {
  std::string record;
  engine::encode_record({meta(transaction).name, kProvenKey}, receipt, kProvenClassVersion, record);
  transaction.put(meta(transaction), kProvenKey, record);
}

void forget_proven(engine::WriteTransaction& transaction) {
  transaction.erase(meta(transaction), kProvenKey);
}

}  // namespace piecemark::migration
