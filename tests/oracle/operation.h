// One random operation, in a form that each side of the comparison can carry out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/store.h"

namespace piecemark::oracle {

enum class Verb : std::uint8_t {
  begin,
  commit,
  rollback,
  insert_drawing,
  update_drawing,
  delete_drawing,
  insert,
  upsert,  // of the API alone
  update,
  erase,
  get,
  find,
  list,
  count,
  list_drawings,
  line,  // a line that is no operation
};

// A column as a line of `exec` writes it. `error` is what is wrong with the form of its value.
struct Member {
  std::string name;
  std::string json;
  std::optional<ErrorCode> error;
};

enum class Wanted : std::uint8_t { all_instances, without_instance, one_instance };

struct Operation {
  Verb verb = Verb::count;
  std::optional<Uuid> id;       // update, erase, get, update_drawing, delete_drawing
  std::vector<Member> members;  // of the row, in the order of the line
  ComponentColumns columns;     // insert, upsert, update: the same for the API
  DrawingColumns drawing;       // insert_drawing, update_drawing
  OnConflict on_conflict = OnConflict::fail;
  std::optional<Uuid> drawing_id;  // find, list
  std::string piece_mark;
  Wanted wanted = Wanted::all_instances;
  std::string instance_identifier;
  std::string line;
  std::string answer;  // to the line
};

// The line for `exec`.
std::string to_line(const Operation& operation);

// The text as a JSON string; `ascii` escapes everything beyond.
std::string json_string(std::string_view text, bool ascii = false);

// Answers as `exec` gives them, without the message of an error: it is for people.
std::string answer_ok();
std::string answer_id(const Uuid& id);
std::string answer_count(std::string_view name, std::uint64_t count);
std::string answer_error(ErrorCode code, std::string_view constraint, std::string_view column);
std::string answer_error(const Violation& violation);
std::string answer_outcome(const Upserted& upserted);

// How doubles are written: as `exec` does, or as their 64 bits.
enum class Doubles : std::uint8_t { shortest, bits };

std::string row_text(const Component& component, Doubles doubles);
std::string row_text(const Drawing& drawing);
std::string answer_row(const std::optional<Component>& row, Doubles doubles);
std::string answer_rows(const std::vector<Component>& rows, Doubles doubles);
std::string answer_rows(const std::vector<Drawing>& rows);

}  // namespace piecemark::oracle
