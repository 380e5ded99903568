// The two kinds of text that rows come in and go out as.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace piecemark::text {

enum class TextFormat : std::uint8_t { csv, ndjson };

// By extension (.csv; .ndjson, .jsonl, .json).
std::optional<TextFormat> text_format_of(const std::string& path);

struct TextSource {
  std::string path;  // "-" is standard input
  TextFormat format = TextFormat::ndjson;
};

}  // namespace piecemark::text
