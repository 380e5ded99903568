#include "questions.h"

#include <algorithm>

#include "api/text/export.h"
#include "api/text/json_writer.h"
#include "piecemark/migration.h"

namespace piecemark::testing {
namespace {

constexpr int kAbsent = 5;

std::string json(const ComponentRow& row) {
  std::string text;
  text::append_json(text, row);
  return text;
}

std::vector<std::string> rows_of(ComponentRange range) {
  std::vector<std::string> rows;
  for (const ComponentView& component : range) rows.push_back(json(component.row()));
  return rows;
}

template <class Found>
std::vector<std::string> row_of_view(const Found& found) {
  return found ? std::vector{json(found->row())} : std::vector<std::string>{};
}

template <class Ask>
Answer answer(const Ask& ask) {
  try {
    std::vector<std::string> rows = ask();
    std::sort(rows.begin(), rows.end());
    return rows;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::vector<std::string> stash_of(const ReadTxn& snapshot) {
  std::vector<std::string> rows;
  for_each_stash_entry(snapshot, [&](const StashEntry& entry) {
    std::string row = entry.is_left_over ? "left over " : "waiting ";
    text::append_json(row, entry.set_aside);
    rows.push_back(row + std::to_string(entry.set_aside.run) +
                   json(piecemark::row_of(entry.set_aside.component)));
  });
  return rows;
}

std::vector<std::string> history_of(const ReadTxn& snapshot) {
  std::vector<std::string> receipts;
  for (const Receipt& receipt : history(snapshot)) {
    receipts.push_back(std::to_string(receipt.number) + " " + std::to_string(receipt.from) + " " +
                       std::to_string(receipt.to) + " " + receipt.after.components.to_string() + " " +
                       receipt.started_at.to_string());
  }
  return receipts;
}

// Whether all of `few` is among `many`; both are sorted.
bool is_part(const std::vector<std::string>& few, const std::vector<std::string>& many) {
  return std::includes(many.begin(), many.end(), few.begin(), few.end());
}

template <class Call>
void whatever_comes(const Call& call) {
  try {
    call();
  } catch (const Error&) {  // Refused is as good as done.
  }
}

void write_to(Store& store, const Questions& questions) {
  const auto change = [&](const auto& make) {
    whatever_comes([&] {
      WriteTxn transaction = store.write();
      make(transaction);
      transaction.commit();
    });
  };
  change([&](WriteTxn& transaction) {
    const Uuid drawing = transaction.insert_drawing({.name = "new"});
    for (int i = 0; i < 40; ++i) {
      transaction.insert({.drawing_id = drawing,
                          .piece_mark = "N" + std::to_string(i),
                          .bounding_box = i % 20 == 3 ? "[" + std::string(5000, '1') + "]" : "[1]"});
    }
  });
  const std::size_t step = questions.ids.size() / 40 + 1;
  for (const bool erases : {false, true}) {
    change([&](WriteTxn& transaction) {
      for (std::size_t i = erases ? 1 : 0; i < questions.ids.size(); i += step) {
        whatever_comes([&] {
          if (erases) {
            transaction.erase(questions.ids[i]);
          } else {
            transaction.update(questions.ids[i], {.material_type = "changed"});
          }
        });
      }
    });
  }
  if (questions.drawings.front())
    change([&](WriteTxn& transaction) { transaction.erase_drawing(*questions.drawings.front()); });
  whatever_comes([&] { verify(store.read()); });
  for (const std::uint32_t format : {1U, 3U, 2U})
    whatever_comes([&] { migrate(store, format, {.on_loss = OnLoss::stash}); });
  whatever_comes([&] { verify_pages(store); });
}

Verdict compare(const Answer& given, const Answer& expected) {
  if (!given) return Verdict::reported;
  if (!expected || *given == *expected) return Verdict::right;
  return is_part(*given, *expected) ? Verdict::absence : Verdict::wrong_row;
}

}  // namespace

Questions questions_about(const ReadTxn& snapshot) {
  Questions questions;
  for (const ComponentView& component : snapshot.sorted()) {
    questions.ids.push_back(component.id());
    const Component copy = component.to_component();
    questions.keys.push_back({copy.drawing_id, copy.piece_mark, copy.instance_identifier});
  }
  for (const Drawing& drawing : snapshot.drawings()) questions.drawings.emplace_back(drawing.id);
  questions.drawings.emplace_back(std::nullopt);
  const std::optional<Uuid> some = questions.drawings.front();
  for (int i = 0; i < kAbsent; ++i) {
    questions.ids.push_back(Uuid::generate());
    questions.keys.push_back({some, "absent " + std::to_string(i), std::nullopt});
    questions.keys.push_back({some, questions.keys.front().mark, "absent"});
    questions.drawings.emplace_back(Uuid::generate());
  }
  return questions;
}

Answers ask(const Store& store, const Questions& questions) {
  const ReadTxn snapshot = store.read();
  Answers answers;
  const auto rows = [&](const auto& ask) { answers.rows.push_back(answer(ask)); };
  const auto digest = [&](const auto& ask) { answers.digests.push_back(answer(ask)); };
  for (const Uuid& id : questions.ids) rows([&] { return row_of_view(snapshot.get(id)); });
  for (const Questions::Key& key : questions.keys) {
    rows([&] { return rows_of(snapshot.with_key(key.drawing, key.mark, key.instance)); });
    rows([&] { return row_of_view(snapshot.find(key.drawing, key.mark, key.instance)); });
    rows([&] { return rows_of(snapshot.instances(key.drawing, key.mark)); });
  }
  for (const auto& drawing : questions.drawings) {
    rows([&] { return rows_of(snapshot.in_drawing(drawing)); });
    rows([&] { return rows_of(snapshot.sorted(drawing)); });
    if (!drawing) continue;
    rows([&] {
      const auto found = snapshot.drawing(*drawing);
      return found ? std::vector{found->name.value_or("-")} : std::vector<std::string>{};
    });
  }
  rows([&] { return rows_of(snapshot.scan()); });
  rows([&] { return rows_of(snapshot.sorted()); });
  rows([&] {
    std::string text;
    text::export_components(
        snapshot, text::TextFormat::ndjson, [&](std::string_view part) { text += part; },
        [](std::uint64_t) {});
    return lines_of(text);
  });
  rows([&] {
    std::string text;
    text::export_drawings(snapshot, text::TextFormat::ndjson, [&](std::string_view part) { text += part; });
    return lines_of(text);
  });
  rows([&] { return stash_of(snapshot); });
  rows([&] { return history_of(snapshot); });
  digest([&] {
    const ContentFingerprint content = fingerprint(snapshot, ColumnSet::all());
    return std::vector{content.components.to_string(), content.drawings.to_string()};
  });
  digest([&] {
    const StoreInfo info = store.info();
    return std::vector{std::to_string(info.components), std::to_string(info.drawings),
                       std::to_string(info.stash_entries), std::to_string(info.migrations)};
  });
  return answers;
}

void write_everything(const std::string& path, const Questions& questions) {
  whatever_comes([&] {
    Store store = Store::open(path, {.write_older_format = true, .map_size_bytes = std::uint64_t{1} << 28});
    write_to(store, questions);
  });
}

// A digest of rows that are missing differs too.
Verdict compare(const Answers& given, const Answers& expected) {
  Verdict worst = Verdict::right;
  for (std::size_t i = 0; i < given.rows.size(); ++i)
    worst = std::max(worst, compare(given.rows[i], expected.rows[i]));
  for (std::size_t i = 0; i < given.digests.size(); ++i) {
    Verdict verdict = compare(given.digests[i], expected.digests[i]);
    if (verdict > Verdict::reported && worst == Verdict::absence) verdict = Verdict::absence;
    worst = std::max(worst, verdict);
  }
  return worst;
}

}  // namespace piecemark::testing
