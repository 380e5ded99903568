// A disk whose power can be cut at any instant. Records what a process does to the files of a folder, and says
// afterwards what a disk may hold that lost its power in the middle of it.
//
// What a disk promises
//   - What was written to a file before a sync of that file that has returned is there, and so is a write that waits
//     for the disk once it has returned - that write, and no other.
//   - Anything else that was written may be there or not, in any order: each block by itself.
//   - Names that were created, changed or removed before a sync of their folder that has returned are. Others may have
//     been, the first of them up to any.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "interposer.h"

namespace piecemark::testing {

class DiskRecord final : public FileWatcher {
 public:
  // Begins with the files that the folder has, all of them durable; lock files do not count.
  explicit DiskRecord(std::string folder);
  DiskRecord(const DiskRecord&) = delete;
  DiskRecord& operator=(const DiskRecord&) = delete;
  ~DiskRecord() override { pause(); }

  void resume() { watch_files(this); }
  void pause() const { watch_files(nullptr); }
  // Something was reported as done.
  void acknowledge() { events_.push_back({.what = What::acknowledge}); }

  std::size_t events() const { return events_.size(); }
  // How often something had been reported as done before the event.
  std::size_t acknowledged(std::size_t before_event) const;

  // How a power cut chooses among what was not durable.
  struct Chance {
    std::uint64_t block_bytes = 4096;
    double kept = 0;          // how likely each block of each write is there
    double whole_writes = 0;  // how likely a write is there or not as a whole
    std::uint64_t seed = 0;
    bool ignores_syncs = false;  // A disk that breaks its promise about files.
  };
  // The files by their names, after the first so many events.
  std::map<std::string, std::string> after_cut(std::size_t events, const Chance& chance) const;

  void created(const std::string& path) override;
  void wrote(int descriptor, std::uint64_t offset, std::string_view bytes, bool waits) override;
  void truncated(int descriptor, std::uint64_t size) override;
  void synced(int descriptor) override;
  void renamed(const std::string& from, const std::string& to) override;
  void removed(const std::string& path) override;

 private:
  using FileNumber = std::uint64_t;
  enum class What : std::uint8_t { create, write, settle, sync, sync_names, rename, remove, acknowledge };
  struct Event {
    What what{};
    FileNumber file = 0;
    std::string name;
    std::string new_name;
    std::uint64_t offset = 0;
    std::string bytes;
  };
  using Names = std::map<std::string, FileNumber>;
  struct Contents {
    std::string durable;
    std::vector<const Event*> pending;
  };

  bool concerns(const std::string& path) const;
  std::string name_in(const std::string& path) const { return path.substr(folder_.size() + 1); }
  FileNumber number_of(int descriptor) const;
  static void apply(const Event& event, Names& names);
  static void write(std::string& to, std::uint64_t offset, std::string_view bytes);
  static void cut(Contents& file, const Chance& chance, std::mt19937_64& random);

  std::string folder_;
  std::map<std::uint64_t, FileNumber> by_inode_;
  FileNumber next_number_ = 1;
  Names names_;
  std::map<FileNumber, std::string> contents_;
  std::vector<Event> events_;
};

}  // namespace piecemark::testing
