#include "tests/oracle/generator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

namespace piecemark::oracle {
namespace {

constexpr auto kMalformed = ErrorCode::invalid_text_representation;
constexpr auto kNoCharacters = ErrorCode::character_not_in_repertoire;
constexpr auto kOutOfRange = ErrorCode::numeric_value_out_of_range;
constexpr auto kNoTime = ErrorCode::invalid_datetime_format;
constexpr auto kTimeOverflow = ErrorCode::datetime_field_overflow;

// Code points of one to four bytes.
constexpr std::array<std::string_view, 4> kCodePoints{"a", "\u00DF", "\u6841", "\U0001F529"};

std::string repeated(std::string_view code_point, std::size_t count) {
  std::string text;
  while (count-- > 0) text += code_point;
  return text;
}

Sample<std::string> text_sample(std::string text) {
  return {json_string(text), text, {}};
}

struct BadLine {
  std::string_view line;
  ErrorCode code;
  std::string_view column;
};

constexpr BadLine kBadLines[] = {
    {"", kMalformed, ""},
    {"{", kMalformed, ""},
    {"[]", kMalformed, ""},
    {R"("count")", kMalformed, ""},
    {R"({"op":"count"} {})", kMalformed, ""},
    {R"({"op":"count",})", kMalformed, ""},
    {R"({"op":"counts"})", kMalformed, ""},
    {R"({"op":7})", kMalformed, ""},
    {R"({"id":null})", kMalformed, ""},
    {R"({"op":"count","op":"count"})", kMalformed, ""},
    {R"({"op":"count","id":null})", kMalformed, ""},
    {R"({"op":"get"})", kMalformed, ""},
    {R"({"op":"get","id":7})", kMalformed, ""},
    {R"({"op":"get","id":"G1"})", kMalformed, "id"},
    {R"({"op":"insert"})", kMalformed, ""},
    {R"({"op":"insert","row":[]})", kMalformed, ""},
    {R"({"op":"insert","row":{"mark":"G1"}})", kMalformed, ""},
    {R"({"op":"insert","row":{"piece_mark":"G1","piece_mark":"G1"}})", kMalformed, ""},
    {R"({"op":"insert_drawing","row":{"title":"S-101"}})", kMalformed, ""},
    {R"({"op":"update","id":null,"set":null})", kMalformed, ""},
    {R"({"op":"find","drawing_id":null,"piece_mark":7})", kMalformed, ""},
    {R"({"op":"find","drawing_id":null,"piece_mark":null})", kMalformed, ""},
    {R"({"op":"find","drawing_id":null,"piece_mark":"\u0000"})", kNoCharacters, "piece_mark"},
    {R"({"op":"find","drawing_id":"S-101","piece_mark":"G1"})", kMalformed, "drawing_id"},
    {"{\"op\":\"insert\",\"row\":{\"piece_mark\":\"\xC3\x28\"}}", kNoCharacters, ""},
    {"{\"op\":\"insert\",\"row\":{\"piece_mark\":\"\xED\xA0\x80\"}}", kNoCharacters, ""},
    {"{\"op\":\"insert\",\"row\":{\"piece_mark\":\"\n\"}}", kMalformed, ""},
};

}  // namespace

Generator::Generator(const GeneratorOptions& options)
    : options_(options),
      random_(options.seed),
      ids_(uuids(240)),
      drawings_(uuids(6)),
      marks_(
          texts(50, {"G1", "g1", "G1 ", " ", "G1\u00A0", "G\u0301", "\u01F4", "G1\x01", "\x7F", "G1", "G2"})),
      instances_(texts(10, {"1", "2", "10", "01", " ", "1 ", "\u00A0", "\x02", "1", "2"})),
      types_(texts(50, {"girder", "column", "\t\"\\/\n\r\b\f"})),
      materials_(texts(100, {"S355JR", "e\u0301", "\u00E9"})),
      statuses_(texts(20, {"pending", "approved", "\xEF\xBB\xBF"})),
      names_(texts(300, {"S-101", "S-101 ", "s-101"})),
      boxes_(json_values()),
      coordinates_(numbers()),
      confidences_(confidences()),
      integers_(integers()),
      instants_(instants()) {}

Pool<std::string> Generator::texts(std::size_t max_code_points, std::vector<std::string> usual) const {
  Pool<std::string> pool;
  for (std::string& text : usual) pool.good.push_back(text_sample(std::move(text)));
  pool.good.push_back(text_sample(""));
  pool.good.push_back({"null", std::nullopt, {}});
  for (const std::string_view code_point : kCodePoints) {
    const Sample<std::string> longest = text_sample(repeated(code_point, max_code_points));
    pool.good.push_back({json_string(*longest.value, true), longest.value, {}});
    pool.bad.push_back(text_sample(*longest.value + std::string(code_point)));
    pool.bad.push_back(text_sample(*longest.value + " "));
  }
  if (options_.through == Through::exec) {
    for (const char* json : {"5", "true", "[]", "{}", "[\"G1\"]"}) {
      pool.bad.push_back({json, {}, kMalformed});
    }
    for (const char* json : {R"("\u0000")", R"("G1\u0000")", R"("\ud800")", R"("\udc00G1")"}) {
      pool.bad.push_back({json, {}, kNoCharacters});
    }
  } else {
    for (std::string text :
         {std::string("G1\0", 3), std::string("\0", 1), std::string("\xFF"), std::string("G1\xC3"),
          std::string("\xED\xA0\x80"), std::string("\xC0\x80"), std::string("\xF4\x90\x80\x80")}) {
      pool.bad.push_back({{}, std::move(text), kNoCharacters});
    }
  }
  return pool;
}

Pool<std::string> Generator::json_values() const {
  Pool<std::string> pool;
  for (const char* json : {R"({"x":1,"y":2})", R"({ "x" : 1 ,	"y":[ 1, 2.50 ,{} ] })", "[]", "{}", "[ ]",
                           R"("text  with \" blanks")", R"("")", "1e400", "-0", "0.10", "true", "false",
                           "null", R"("\ud800")", R"("\u0000")", R"({"a":1,"a":2})", R"({"":{"":[null]}})",
                           R"(["\u00e9","é"])", "123456789012345678901234567890"}) {
    pool.good.push_back({json, json, {}});
  }
  const std::string deep = repeated("[", 500) + repeated("]", 500);
  pool.good.push_back({deep, deep, {}});
  if (options_.through == Through::api) {
    for (const char* text : {" null ", "\n1\r\n"}) pool.good.push_back({{}, text, {}});
    pool.good.push_back({{}, std::nullopt, {}});
    for (const char* text :
         {"", " ", "{", "nul", "01", "1.", "{'a':1}", "[1,]", "1 2", "\"\x01\"", "\"\\x\"", "NaN"}) {
      pool.bad.push_back({{}, text, kMalformed});
    }
    pool.bad.push_back({{}, "\"\xFF\"", kNoCharacters});
  } else {
    pool.good.push_back({"null", std::nullopt, {}});
    pool.bad = pool.good;  // A line with invalid JSON is no line at all; kBadLines has some.
  }
  return pool;
}

Pool<double> Generator::numbers() const {
  using Limits = std::numeric_limits<double>;
  Pool<double> pool{{{"0", 0.0, {}},
                     {"-0.0", -0.0, {}},
                     {"-0", -0.0, {}},
                     {"0.1", 0.1, {}},
                     {"6.7e9", 6.7e9, {}},
                     {"-1E2", -100.0, {}},
                     {"5e-324", Limits::denorm_min(), {}},
                     {"-2.2250738585072009e-308", -2.2250738585072009e-308, {}},
                     {"1.7976931348623157e308", Limits::max(), {}},
                     {"9007199254740993", 9007199254740992.0, {}},
                     {"\"NaN\"", Limits::quiet_NaN(), {}},
                     {"\"Infinity\"", Limits::infinity(), {}},
                     {"\"-Infinity\"", -Limits::infinity(), {}},
                     {"null", std::nullopt, {}}},
                    {}};
  if (options_.through == Through::exec) {
    for (const char* json : {"1e309", "-1e309", "1e-400"}) pool.bad.push_back({json, {}, kOutOfRange});
    for (const char* json : {"\"1\"", "\"nan\"", "true", "[1]"}) pool.bad.push_back({json, {}, kMalformed});
  } else {
    pool.good.push_back({{}, std::bit_cast<double>(0xFFF8'0000'0000'002AULL), {}});  // a NaN with a payload
    pool.bad = pool.good;
  }
  return pool;
}

Pool<double> Generator::confidences() const {
  using Limits = std::numeric_limits<double>;
  Pool<double> pool{{{"0", 0.0, {}},
                     {"1", 1.0, {}},
                     {"1.0", 1.0, {}},
                     {"0.97", 0.97, {}},
                     {"-0.0", -0.0, {}},
                     {"5e-324", Limits::denorm_min(), {}},
                     {"null", std::nullopt, {}}},
                    {{"1.0000000000000002", 1.0000000000000002, {}},
                     {"-5e-324", -Limits::denorm_min(), {}},
                     {"\"NaN\"", Limits::quiet_NaN(), {}},
                     {"\"Infinity\"", Limits::infinity(), {}},
                     {"\"-Infinity\"", -Limits::infinity(), {}},
                     {"2", 2.0, {}}}};
  if (options_.through == Through::exec) pool.bad.push_back({"1e-400", {}, kOutOfRange});
  return pool;
}

Pool<std::int32_t> Generator::integers() const {
  Pool<std::int32_t> pool{{{"2147483647", 2147483647, {}},
                           {"-2147483648", -2147483647 - 1, {}},
                           {"0", 0, {}},
                           {"-0", 0, {}},
                           {"7", 7, {}},
                           {"null", std::nullopt, {}}},
                          {}};
  if (options_.through == Through::exec) {
    for (const char* json : {"2147483648", "-2147483649", "99999999999999999999"}) {
      pool.bad.push_back({json, {}, kOutOfRange});
    }
    for (const char* json : {"1.5", "1e3", "\"5\"", "false"}) pool.bad.push_back({json, {}, kMalformed});
  } else {
    pool.bad = pool.good;
  }
  return pool;
}

Pool<Timestamp> Generator::instants() const {
  constexpr Timestamp kMorning{1'737'453'600'123'456};
  Pool<Timestamp> pool{{{"\"2025-01-21T10:00:00.123456Z\"", kMorning, {}},
                        {"\"2025-01-21T12:00:00.123456+02:00\"", kMorning, {}},
                        {"\"2025-01-21 04:30:00.123456-0530\"", kMorning, {}},
                        {"\"2025-01-22T01:00:00.123456+15\"", kMorning, {}},
                        {"\"2025-01-21T10:00:00.1234567Z\"", Timestamp{1'737'453'600'123'457}, {}},
                        {"\"2025-01-21\"", Timestamp{1'737'417'600'000'000}, {}},
                        {"\"2024-02-29 23:59:60Z\"", Timestamp{1'709'251'200'000'000}, {}},
                        {"\"1970-01-01T00:00:00Z\"", Timestamp{0}, {}},
                        {"\"1969-12-31T23:59:59.999999Z\"", Timestamp{-1}, {}},
                        {"\"0001-01-01T00:00:00Z\"", Timestamp{-62'135'596'800'000'000}, {}},
                        {"\"9999-12-31T23:59:59.999999Z\"", Timestamp{253'402'300'799'999'999}, {}},
                        {"null", std::nullopt, {}}},
                       {}};
  if (options_.through == Through::exec) {
    for (const char* json : {"\"yesterday\"", "\"\"", "\"2025-01-21T\"", "\"2025-01-21T10:00:00 Berlin\""}) {
      pool.bad.push_back({json, {}, kNoTime});
    }
    for (const char* json : {"\"2025-02-29\"", "\"2025-13-01\"", "\"2025-01-21T25:00:00Z\"",
                             "\"2025-01-21T10:00:00+16:00\"", "\"0001-01-01T00:00:00+01:00\""}) {
      pool.bad.push_back({json, {}, kTimeOverflow});
    }
    pool.bad.push_back({"1737453600", {}, kMalformed});
  } else {
    pool.bad = pool.good;
  }
  return pool;
}

Pool<Uuid> Generator::uuids(std::size_t count) {
  Pool<Uuid> pool;
  for (std::size_t i = 0; i < count; ++i) {
    Uuid id;
    for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random_());
    if (i == 0) id.bytes.fill(0);
    if (i == 1) id.bytes.fill(0xFF);
    pool.good.push_back({"\"" + id.to_string() + "\"", id, {}});
  }
  pool.bad.push_back({"null", std::nullopt, {}});
  if (options_.through == Through::exec) {
    for (const char* json : {"\"G1\"", "\"\"", "7", "\"00000000-0000-0000-0000-00000000000\"", "{}"}) {
      pool.bad.push_back({json, {}, kMalformed});
    }
    pool.bad.push_back({R"("\u0000")", {}, kNoCharacters});
  }
  return pool;
}

const Pool<Uuid>& Generator::pool_of(Column column, const Uuid*) const {
  return column == Column::id ? ids_ : drawings_;
}

const Pool<std::string>& Generator::pool_of(Column column, const std::string*) const {
  switch (column) {
    case Column::piece_mark:
      return marks_;
    case Column::instance_identifier:
      return instances_;
    case Column::component_type:
      return types_;
    case Column::material_type:
      return materials_;
    case Column::bounding_box:
      return boxes_;
    default:
      return statuses_;
  }
}

const Pool<double>& Generator::pool_of(Column column, const double*) const {
  return column == Column::confidence_score ? confidences_ : coordinates_;
}

bool Generator::is_given(Column column, bool is_update) {
  const bool is_time = column == Column::created_at || column == Column::updated_at;
  if (options_.nothing_by_default) {
    if (is_update && column == Column::updated_at) return true;
    if (!is_update && (is_time || column == Column::id)) return true;
  }
  if (options_.format == 1 && column == Column::instance_identifier) return one_in(15);
  if (is_update) return column == Column::id ? one_in(12) : one_in(4);
  switch (column) {
    case Column::id:
      return !one_in(20);
    case Column::piece_mark:
      return !one_in(40);
    case Column::drawing_id:
      return !one_in(10);
    default:
      return one_in(2);
  }
}

template <class T>
void Generator::give(Operation& to, std::string_view name, ColumnValue<T>& value, const Pool<T>& pool,
                     bool may_be_bad) {
  const Sample<T>& sample = may_be_bad && one_in(3) ? any(pool.bad) : likely(pool.good);
  value = sample.value;
  to.members.push_back({std::string(name), sample.json, sample.error});
}

void Generator::fill_row(Operation& operation, bool is_update) {
  const bool may_be_bad = one_in(6);
  for_each_column(operation.columns, [&]<class T>(Column column, ColumnValue<T>& value) {
    if (!is_given(column, is_update)) return;
    const Pool<T>& pool = pool_of(column, static_cast<const T*>(nullptr));
    give(operation, info_of(column).name, value, pool, may_be_bad);
    // NULL is no value for a mark, but one of its good samples: mostly take another.
    if (column == Column::piece_mark && value.is_null() && !operation.members.back().error && !one_in(4)) {
      operation.members.pop_back();
      give(operation, info_of(column).name, value, pool, false);
    }
    if (column == Column::drawing_id && one_in(12)) {
      value = std::nullopt;
      operation.members.back() = {"drawing_id", "null", {}};
    }
  });
  // Where several values are of the wrong form, the order of the members decides which is named.
  const auto errors = std::count_if(operation.members.begin(), operation.members.end(),
                                    [](const Member& member) { return member.error.has_value(); });
  if (options_.through == Through::exec && errors < 2 && one_in(4)) {
    std::shuffle(operation.members.begin(), operation.members.end(), random_);
  }
}

void Generator::fill_drawing(Operation& operation) {
  const bool may_be_bad = options_.through == Through::exec && one_in(6);
  const bool has_id = operation.verb == Verb::update_drawing ? one_in(6) : !may_be_bad || !one_in(5);
  if (has_id) give(operation, "id", operation.drawing.id, drawings_, may_be_bad);
  if (!one_in(4)) give(operation, "name", operation.drawing.name, names_, one_in(8));
  // Names have no limit: what is too long for other columns is a good name.
}

void Generator::fill_search(Operation& operation) {
  if (!one_in(8)) operation.drawing_id = any(drawings_.good).value;
  const auto text_from = [&](const Pool<std::string>& pool) {
    for (;;) {
      const Sample<std::string>& sample = one_in(10) ? any(pool.bad) : likely(pool.good);
      if (sample.value && !sample.error) return *sample.value;
    }
  };
  operation.piece_mark = text_from(marks_);
  operation.instance_identifier = text_from(instances_);
  operation.wanted = static_cast<Wanted>(below(3));
}

Verb Generator::next_verb() {
  if (in_transaction_ ? one_in(40) : one_in(4)) {
    if (!in_transaction_) return Verb::begin;
    return one_in(3) ? Verb::rollback : Verb::commit;
  }
  if (options_.through == Through::exec && one_in(150)) {
    // Mostly at the wrong time.
    return std::array{Verb::begin, Verb::commit, Verb::rollback}[below(3)];
  }
  const std::uint64_t roll = below(100);
  if (roll < 34) return options_.through == Through::api && one_in(4) ? Verb::upsert : Verb::insert;
  if (roll < 56) return Verb::update;
  if (roll < 62) return Verb::erase;
  if (roll < 66) return Verb::insert_drawing;
  if (roll < 68) return one_in(2) ? Verb::delete_drawing : Verb::update_drawing;
  if (roll < 75) return Verb::get;
  if (roll < 86) return Verb::find;
  if (roll < 92) return Verb::list;
  if (roll < 95) return Verb::count;
  if (roll < 97 || options_.through == Through::api) return Verb::list_drawings;
  return Verb::line;
}

Operation Generator::next() {
  Operation operation;
  operation.verb = next_verb();
  switch (operation.verb) {
    case Verb::begin:
      in_transaction_ = true;
      break;
    case Verb::commit:
    case Verb::rollback:
      in_transaction_ = false;
      break;
    case Verb::insert_drawing:
      fill_drawing(operation);
      break;
    case Verb::update_drawing:
      operation.id = any(drawings_.good).value;
      fill_drawing(operation);
      break;
    case Verb::delete_drawing:
      operation.id = any(drawings_.good).value;
      break;
    case Verb::insert:
    case Verb::upsert:
      operation.on_conflict = static_cast<OnConflict>(below(4));
      fill_row(operation, false);
      // Whether now is later than what is there, the oracle cannot know before it is told.
      if (operation.verb == Verb::upsert && operation.on_conflict == OnConflict::newer &&
          !operation.columns.updated_at.is_given())
        give(operation, "updated_at", operation.columns.updated_at,
             pool_of(Column::updated_at, static_cast<const Timestamp*>(nullptr)), false);
      break;
    case Verb::update:
      operation.id = any(ids_.good).value;
      fill_row(operation, true);
      break;
    case Verb::erase:
    case Verb::get:
      operation.id = any(ids_.good).value;
      break;
    case Verb::find:
    case Verb::list:
      fill_search(operation);
      break;
    case Verb::line: {
      const BadLine& bad = kBadLines[below(std::size(kBadLines))];
      operation.line = bad.line;
      operation.answer = answer_error(bad.code, {}, bad.column);
      break;
    }
    case Verb::count:
    case Verb::list_drawings:
      break;
  }
  if (options_.through == Through::exec && one_in(50)) operation.id = std::nullopt;
  return operation;
}

}  // namespace piecemark::oracle
