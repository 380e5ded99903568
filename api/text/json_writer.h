// Components, drawings and other answers as JSON, appended to a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/receipt.h"

namespace piecemark::text {

void append_json_string(std::string& to, std::string_view text);

// One member after the other: JsonObject(out).add("format", 2).add("name", name).
class JsonObject {
 public:
  explicit JsonObject(std::string& to) : to_(to) { to_ += '{'; }
  ~JsonObject() { to_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  JsonObject& add(std::string_view name, std::string_view text);
  JsonObject& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
  JsonObject& add(std::string_view name, std::uint64_t number);
  JsonObject& add(std::string_view name, bool value);
  JsonObject& add_null(std::string_view name);
  JsonObject& add_text_or_null(std::string_view name, std::string_view text);  // empty is null
  JsonObject& add_nullable(std::string_view name, const std::optional<std::string>& text);
  // The member's value is appended by the caller.
  std::string& begin(std::string_view name);

 private:
  std::string& to_;
  bool is_first_ = true;
};

// The 14 columns under their names, in the order of the DDL. bounding_box is nested; doubles have the
// shortest digits that read back to the same bits, NaN and the infinities are strings.
void append_json(std::string& to, const ComponentRow& row, ColumnSet columns = ColumnSet::all());
void append_json(std::string& to, const Drawing& drawing);
// What it is, why, and the columns of its key.
void append_json(std::string& to, const SetAside& entry);
void append_json(std::string& to, const std::vector<std::string>& texts);

}  // namespace piecemark::text
