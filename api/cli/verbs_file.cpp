// Verbs about the file as a whole: create, info, formats, current, check.
#include <memory>

#include "api/cli/opening.h"
#include "api/cli/terminal.h"
#include "api/cli/verbs.h"
#include "api/text/json_writer.h"
#include "engine/container.h"
#include "engine/shown.h"
#include "piecemark/migration.h"
#include "piecemark/store.h"

namespace piecemark::cli {
namespace {

constexpr double kLongReaderSecondsMax = 4'000'000;

struct FileArguments {
  std::string file;
  std::uint32_t format = 0;
  bool nulls_not_distinct = false;
  bool as_json = false;
  double long_reader_seconds = kLongReaderMs / 1000.0;
};

Store open_to_read(const std::string& file) {
  return Store::open(file, to_read());
}

std::string name_of_format(std::uint32_t number) {
  for (const FormatInfo& format : known_formats()) {
    if (format.number == number) return format.step.empty() ? "base" : std::string(format.step);
  }
  return "unknown";
}

std::uint32_t newest_format() {
  return known_formats().back().number;
}

void create(const FileArguments& arguments) {
  const Store store = Store::create(
      arguments.file, {.format = arguments.format, .nulls_not_distinct = arguments.nulls_not_distinct},
      to_write());
  print_line("created '" + arguments.file + "' in format " + std::to_string(store.info().format));
}

void print_field(std::string_view name, std::string_view value) {
  constexpr std::size_t kWidth = 14;
  print_line("  " + std::string(name) + std::string(kWidth - name.size(), ' ') + std::string(value));
}

void print_info(const StoreInfo& info, const std::vector<LongReader>& long_readers, const std::string& file) {
  print_line(file);
  const bool is_newest = info.format == newest_format();
  print_field("format", std::to_string(info.format) + " (" + name_of_format(info.format) + ")" +
                            (is_newest ? ", the newest" : ", can be upgraded"));
  print_field("components", std::to_string(info.components));
  print_field("drawings", std::to_string(info.drawings));
  print_field("NULLs", info.nulls_not_distinct ? "not distinct in the unique constraint"
                                               : "distinct in the unique constraint");
  print_field("created", info.created_at.to_string() + " by piecemark " + info.created_by.to_string());
  if (info.migrated_at) {
    print_field("migrated", info.migrated_at->to_string() + " by piecemark " + info.migrated_by.to_string() +
                                ", " + std::to_string(info.migrations) + " times in all");
  }
  print_field("stash", std::to_string(info.stash_entries) + " entries");
  print_field("size", in_bytes(info.file_bytes) +
                          (info.components > 0 ? ", " + std::to_string(info.file_bytes / info.components) +
                                                     " bytes a component"
                                               : ""));
  for (const LongReader& reader : long_readers) {
    print_field("long reader",
                "process " + std::to_string(reader.process_id) + " reads what was superseded " +
                    in_duration(static_cast<std::int64_t>(reader.age_ms) * 1000) + " ago, and keeps " +
                    in_bytes(reader.pinned_bytes) + " from being used again");
  }
}

void append_long_readers(std::string& to, const std::vector<LongReader>& readers) {
  to += '[';
  for (const LongReader& reader : readers) {
    if (to.back() != '[') to += ',';
    text::JsonObject(to)
        .add("process_id", reader.process_id)
        .add("age_ms", reader.age_ms)
        .add("pinned_bytes", reader.pinned_bytes);
  }
  to += ']';
}

void print_info_json(const StoreInfo& info, const std::vector<LongReader>& long_readers,
                     const std::string& file) {
  std::string line;
  {
    text::JsonObject object(line);
    object.add("file", engine::escaped(file, engine::Escape::no_text))
        .add("kind", "piecemark store")
        .add("format", std::uint64_t{info.format});
    object.add("format_name", name_of_format(info.format))
        .add("newest_format", std::uint64_t{newest_format()});
    object.add("components", info.components).add("drawings", info.drawings);
    object.add("nulls_not_distinct", info.nulls_not_distinct);
    object.add("created_at", info.created_at.to_string()).add("created_by", info.created_by.to_string());
    object.add_text_or_null("migrated_at", info.migrated_at ? info.migrated_at->to_string() : "");
    object.add_text_or_null("migrated_by", info.migrated_at ? info.migrated_by.to_string() : "");
    object.add("migrations", info.migrations).add("stash_entries", info.stash_entries);
    object.add("file_bytes", info.file_bytes).add("map_bytes", info.map_bytes);
    object.add("readers", std::uint64_t{info.readers});
    append_long_readers(object.begin("long_readers"), long_readers);
  }
  print_json(line);
}

// What the bytes say where the store itself cannot be opened.
void print_container(const std::string& file, bool as_json, const Error& error) {
  engine::os::File opened;
  engine::os::FileFacts facts;
  if (engine::os::facts_of(file, facts) || !facts.is_regular) return;
  if (engine::os::open_file(file, engine::os::Access::read, opened)) return;
  const engine::Container container = engine::identify_container(opened);
  const auto stamp = engine::search_stamp(opened);
  const bool is_damaged =
      error.code() == ErrorCode::corrupt_file || error.code() == ErrorCode::corrupt_record;
  const std::string damage = is_damaged ? error.facts().found : "";
  const std::string kind =
      stamp ? (is_damaged ? "damaged piecemark store" : "piecemark store") : container.description;
  if (as_json) {
    std::string line;
    {
      text::JsonObject object(line);
      object.add("file", engine::escaped(file, engine::Escape::no_text)).add("kind", kind);
      if (stamp)
        object.add("format", std::uint64_t{stamp->format}).add("created_by", stamp->created_by.to_string());
      if (is_damaged) object.add("damage", damage);
      object.add("file_bytes", facts.size_bytes);
    }
    print_json(line);
    return;
  }
  print_line(file);
  print_field("kind", kind);
  if (is_damaged) print_field("damage", damage);
  if (stamp) {
    print_field("format", std::to_string(stamp->format) + " (" + name_of_format(stamp->format) + ")");
    print_field("created", stamp->created_at.to_string() + " by piecemark " + stamp->created_by.to_string());
  }
  print_field("size", in_bytes(facts.size_bytes));
}

void info(const FileArguments& arguments) {
  try {
    const Store store = open_to_read(arguments.file);
    const StoreInfo info = store.info();
    const auto long_readers =
        store.long_readers(static_cast<std::uint32_t>(arguments.long_reader_seconds * 1000));
    arguments.as_json ? print_info_json(info, long_readers, arguments.file)
                      : print_info(info, long_readers, arguments.file);
  } catch (const Error& error) {
    print_container(arguments.file, arguments.as_json, error);
    throw;
  }
}

// The chain, newest first, as migration tools show their revisions.
void formats() {
  const auto formats = known_formats();
  for (auto format = formats.rbegin(); format != formats.rend(); ++format) {
    const bool is_base = format->step.empty();
    print_line((is_base ? "base -> " : std::to_string(format->number - 1) + " -> ") +
               std::to_string(format->number) + (format->number == newest_format() ? " (head)" : "") + "  " +
               (is_base ? "" : std::string(format->step) + "  ") + std::string(format->summary));
  }
}

void current(const FileArguments& arguments) {
  const std::uint32_t format = open_to_read(arguments.file).info().format;
  print_line(std::to_string(format) + "  " + name_of_format(format) +
             (format == newest_format() ? "  (head)" : ""));
}

int check(const FileArguments& arguments) {
  const std::uint32_t format = open_to_read(arguments.file).info().format;
  if (format >= newest_format()) {
    print_line("format " + std::to_string(format) +
               (format == newest_format() ? " is the newest" : " is newer than this build"));
    return exit_done;
  }
  print_line("upgrade pending: format " + std::to_string(format) + " -> " + std::to_string(newest_format()) +
             "; run: piecemark upgrade " + shell_quoted(arguments.file));
  return exit_refused;
}

}  // namespace

void add_file_verbs(Verb& program, int& status) {
  const auto arguments = std::make_shared<FileArguments>();
  const auto add = [&](const char* name, const char* description) {
    Verb verb = program.verb(name, description);
    verb.option("FILE", arguments->file, "The store").required();
    return verb;
  };

  Verb verb = add("create", "Create an empty store");
  verb.option("--format", arguments->format, "Format of the store (default: the newest)");
  verb.flag("--nulls-not-distinct", arguments->nulls_not_distinct,
            "Treat NULLs as equal in the unique constraint");
  verb.run([arguments] { create(*arguments); });

  verb = add("info", "Say what a file is: format, counts, sizes, options, who wrote it");
  verb.flag("--json", arguments->as_json, "Print JSON");
  verb.option("--long-reader", arguments->long_reader_seconds, kLongReaderSecondsMax,
              "Name processes whose snapshot was superseded so many seconds ago")
      .shown_as("SECONDS");
  verb.run([arguments] { info(*arguments); });

  program.verb("formats", "List the formats of this build and the steps between them").run(formats);
  add("current", "Print the format of a store").run([arguments] { current(*arguments); });
  add("check", "Exit with 1 if an upgrade is pending").run([arguments, &status] {
    status = check(*arguments);
  });
}

}  // namespace piecemark::cli
