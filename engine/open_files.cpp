#include "open_files.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "environment.h"

namespace piecemark::engine {

OpenFiles& OpenFiles::of_process() {
  static std::atomic<OpenFiles*> current{nullptr};
  OpenFiles* files = current.load(std::memory_order_acquire);
  while (files == nullptr || files->fork_generation_ != os::fork_generation()) {
    std::unique_ptr<OpenFiles> fresh(new OpenFiles);
    if (current.compare_exchange_strong(files, fresh.get())) files = fresh.release();
  }
  return *files;
}

OpenFiles::Claim::Claim(Claim&& other) noexcept
    : files_(std::exchange(other.files_, nullptr)), id_(other.id_), present_(std::move(other.present_)) {}

OpenFiles::Claim::~Claim() {
  if (files_ != nullptr) files_->closed(id_);
}

bool OpenFiles::Claim::add_lock_file(const os::FileId& lock_file) {
  const std::lock_guard lock(files_->mutex_);
  for (const auto& [id, entry] : files_->entries_) {
    if (id != id_ && entry.lock_file == lock_file) return false;
  }
  files_->entries_[id_].lock_file = lock_file;
  return true;
}

void OpenFiles::Claim::opened(const std::shared_ptr<Environment>& environment) {
  OpenFiles* const files = std::exchange(files_, nullptr);
  const std::lock_guard lock(files->mutex_);
  Entry& entry = files->entries_[id_];
  entry.environment = environment;
  entry.is_opening = false;
  files->changed_.notify_all();
}

std::optional<OpenFiles::Claim> OpenFiles::claim(const os::FileId& id, Deadline deadline) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) {
      entries_[id] = {};
      return Claim(this, id, nullptr);
    }
    if (!entry->second.is_opening) {
      if (auto environment = entry->second.environment.lock())
        return Claim(nullptr, id, std::move(environment));
    }
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) return std::nullopt;
  }
}

void OpenFiles::closed(const os::FileId& id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
  changed_.notify_all();
}

bool OpenFiles::uses_lock_file(const os::FileId& lock_file) {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& entry) { return entry.second.lock_file == lock_file; });
}

}  // namespace piecemark::engine
