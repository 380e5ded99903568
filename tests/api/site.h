// A store to test with, and short ways to fill and to read it.
#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "piecemark/migration.h"
#include "piecemark/store.h"
#include "tests/support/temporary.h"

namespace piecemark::testing {

// Ids that sort by their number.
inline Uuid numbered(unsigned number) {
  Uuid id;
  for (unsigned i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return id;
}

inline const Uuid kDrawing = numbered(0xD1);
inline const Uuid kOtherDrawing = numbered(0xD2);
inline constexpr Timestamp kMonday{1'737'331'200'000'000};
inline constexpr Timestamp kTuesday{1'737'417'600'000'000};

inline Component girder(unsigned id, std::string mark, std::optional<std::string> instance = std::nullopt,
                        std::optional<Uuid> drawing = kDrawing) {
  return {.id = numbered(id),
          .drawing_id = drawing,
          .piece_mark = std::move(mark),
          .instance_identifier = std::move(instance),
          .created_at = kMonday};
}

// Key and id of a component, "G1 2 #7"; NULL is "-".
template <class ComponentOrView>
std::string brief(const ComponentOrView& component) {
  const ComponentRow row = [&] {
    if constexpr (std::is_same_v<ComponentOrView, Component>) {
      return row_of(component);
    } else {
      return component.row();
    }
  }();
  unsigned number = 0;
  for (unsigned i = 0; i < 4; ++i) number = number << 8 | row.id.bytes[i];
  return std::string(row.piece_mark) + " " + std::string(row.instance_identifier.value_or("-")) + " #" +
         std::to_string(number);
}

// Components of a range or a vector, one after the other: "G1 1 #1, G1 2 #2".
template <class Components>
requires(!std::is_same_v<std::remove_cvref_t<Components>, Store>) std::string
    briefly(Components&& components) {
  std::string text;
  for (const auto& component : components) text += (text.empty() ? "" : ", ") + brief(component);
  return text;
}

inline std::string briefly(const Store& store) {
  const ReadTxn snapshot = store.read();
  return briefly(snapshot.sorted());
}

// A store in a folder of its own, with the drawings S-101 and S-102.
class Site {
 public:
  explicit Site(const CreateOptions& create = {}, const OpenOptions& open = {})
      : store(Store::create(path, create, open)) {
    write([](WriteTxn& txn) {
      txn.insert_drawing({.id = kDrawing, .name = "S-101"});
      txn.insert_drawing({.id = kOtherDrawing, .name = "S-102"});
    });
  }

  // Runs `work` in a write transaction and commits it.
  template <class Work>
  void write(const Work& work) {
    WriteTxn txn = store.write();
    work(txn);
    txn.commit();
  }
  template <class... Components>
  void insert(const Components&... components) {
    write([&](WriteTxn& txn) { (txn.insert(components), ...); });
  }

  TemporaryFolder folder;
  std::string path = folder.path("site.pmk");
  Store store;
};

// A store with a drawing whose record is damaged.
inline void create_damaged(const std::string& path) {
  {
    Store store = Store::create(path);
    WriteTxn txn = store.write();
    txn.insert_drawing({.id = kDrawing, .name = "the name of a drawing"});
    txn.commit();
  }
  std::string bytes = read_file(path);
  bytes[bytes.rfind("the name of a drawing")] = 'T';
  std::ofstream(path, std::ios::binary) << bytes;
}

// The violation that the call fails with; an empty one if it succeeds.
template <class Call>
Violation violation_of(const Call& call) {
  try {
    call();
  } catch (const ConstraintViolation& error) {
    return error.violation();
  }
  return {.code = ErrorCode::invalid_use, .message = "the call succeeded"};
}

// The message of the error that the call fails with.
template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "the call succeeded";
}

}  // namespace piecemark::testing
