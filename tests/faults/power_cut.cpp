#include "power_cut.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "tests/support/temporary.h"

namespace piecemark::testing {

namespace fs = std::filesystem;

namespace {

std::uint64_t inode_of(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

}  // namespace

DiskRecord::DiskRecord(std::string folder) : folder_(std::move(folder)) {
  if (folder_.ends_with('/')) folder_.pop_back();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string path = entry.path().string();
    if (!concerns(path)) continue;
    by_inode_[inode_of(path)] = next_number_;
    names_[name_in(path)] = next_number_;
    contents_[next_number_++] = read_file(path);
  }
}

bool DiskRecord::concerns(const std::string& path) const {
  return path.starts_with(folder_ + "/") && !path.ends_with("-lock");
}

// 0 for what is no file of the folder.
DiskRecord::FileNumber DiskRecord::number_of(int descriptor) const {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) return 0;
  const auto found = by_inode_.find(facts.st_ino);
  return found == by_inode_.end() ? 0 : found->second;
}

void DiskRecord::created(const std::string& path) {
  if (!concerns(path)) return;
  by_inode_[inode_of(path)] = next_number_;
  events_.push_back({.what = What::create, .file = next_number_++, .name = name_in(path)});
}

void DiskRecord::wrote(int descriptor, std::uint64_t offset, std::string_view bytes, bool waits) {
  const FileNumber file = number_of(descriptor);
  if (file == 0) return;
  events_.push_back({.what = What::write, .file = file, .offset = offset, .bytes = std::string(bytes)});
  if (waits) events_.push_back({.what = What::settle, .file = file});
}

void DiskRecord::truncated(int descriptor, std::uint64_t /*size*/) {
  if (number_of(descriptor) != 0) throw std::logic_error("this disk knows nothing of files that shrink");
}

void DiskRecord::synced(int descriptor) {
  struct stat facts {};
  if (const FileNumber file = number_of(descriptor)) {
    events_.push_back({.what = What::sync, .file = file});
  } else if (::fstat(descriptor, &facts) == 0 && facts.st_ino == inode_of(folder_)) {
    events_.push_back({.what = What::sync_names});
  }
}

void DiskRecord::renamed(const std::string& from, const std::string& to) {
  if (!concerns(from)) return;
  events_.push_back({.what = What::rename, .name = name_in(from), .new_name = name_in(to)});
}

void DiskRecord::removed(const std::string& path) {
  if (concerns(path)) events_.push_back({.what = What::remove, .name = name_in(path)});
}

std::size_t DiskRecord::acknowledged(std::size_t before_event) const {
  return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(before_event),
                    [](const Event& event) { return event.what == What::acknowledge; }));
}

void DiskRecord::apply(const Event& event, Names& names) {
  if (event.what == What::create) names[event.name] = event.file;
  if (event.what == What::remove) names.erase(event.name);
  if (event.what != What::rename) return;
  names[event.new_name] = names[event.name];
  names.erase(event.name);
}

void DiskRecord::write(std::string& to, std::uint64_t offset, std::string_view bytes) {
  to.resize(std::max<std::size_t>(to.size(), offset + bytes.size()));
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

void DiskRecord::cut(Contents& file, const Chance& chance, std::mt19937_64& random) {
  const auto happens = [&](double probability) {
    return std::uniform_real_distribution<double>(0, 1)(random) < probability;
  };
  for (const Event* pending : file.pending) {
    const bool is_whole = happens(chance.whole_writes);
    const bool is_kept = happens(chance.kept);
    for (std::uint64_t at = 0; at < pending->bytes.size();) {
      const std::uint64_t place = pending->offset + at;
      const std::uint64_t end_of_block = (place / chance.block_bytes + 1) * chance.block_bytes;
      const std::uint64_t size = std::min<std::uint64_t>(end_of_block - place, pending->bytes.size() - at);
      if (is_whole ? is_kept : happens(chance.kept)) {
        write(file.durable, place, std::string_view(pending->bytes).substr(at, size));
      }
      at += size;
    }
  }
}

std::map<std::string, std::string> DiskRecord::after_cut(std::size_t events, const Chance& chance) const {
  Names names = names_;
  std::vector<const Event*> pending_names;
  std::map<FileNumber, Contents> files;
  for (const auto& [number, bytes] : contents_) files[number].durable = bytes;
  for (std::size_t i = 0; i < events; ++i) {
    const Event& event = events_[i];
    Contents& file = files[event.file];
    switch (event.what) {
      case What::write:
        file.pending.push_back(&event);
        break;
      case What::settle:
        if (chance.ignores_syncs) break;
        write(file.durable, file.pending.back()->offset, file.pending.back()->bytes);
        file.pending.pop_back();
        break;
      case What::sync:
        if (chance.ignores_syncs) break;
        for (const Event* pending : file.pending) write(file.durable, pending->offset, pending->bytes);
        file.pending.clear();
        break;
      case What::sync_names:
        for (const Event* pending : pending_names) apply(*pending, names);
        pending_names.clear();
        break;
      case What::create:
      case What::rename:
      case What::remove:
        pending_names.push_back(&event);
        break;
      case What::acknowledge:
        break;
    }
  }
  std::mt19937_64 random(chance.seed);
  const bool keeps_all = chance.kept >= 1;
  const std::size_t kept_names =
      keeps_all            ? pending_names.size()
      : chance.kept <= 0.0 ? 0
                           : std::uniform_int_distribution<std::size_t>(0, pending_names.size())(random);
  for (std::size_t i = 0; i < kept_names; ++i) apply(*pending_names[i], names);
  std::map<std::string, std::string> present;
  for (const auto& [name, number] : names) {
    cut(files[number], chance, random);
    present[name] = std::move(files[number].durable);
  }
  return present;
}

}  // namespace piecemark::testing
