#include "api/text/text_file.h"

#include "engine/file_owner.h"
#include "engine/os.h"

namespace piecemark::text {
namespace {

constexpr std::uint32_t kAnybody = 0666;
constexpr std::uint32_t kOwnerWrites = 0600;

}  // namespace

void create_text_file(const std::string& path, const std::vector<std::string>& sources) {
  engine::os::FileFacts facts;
  if (!engine::os::facts_of(path, facts)) return;
  const engine::FileOwner made{.group = engine::os::group_of_new_files(engine::os::folder_of(path))};
  std::uint32_t permissions = kAnybody;
  for (const std::string& source : sources) {
    engine::os::File file;
    engine::FileOwner owner;
    if (engine::os::facts_of(source, facts) || !facts.is_regular) continue;
    if (engine::os::open_file(source, engine::os::Access::read, file) || engine::owner_of(file, owner))
      continue;
    permissions &= engine::permissions_from(owner, made);
  }
  engine::os::File file;
  if (engine::os::create_if_missing(path, permissions | kOwnerWrites, file)) return;
  if (permissions != kAnybody) static_cast<void>(engine::os::remove_access_list(file));
}

}  // namespace piecemark::text
