#include "sorter.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lmdb_error.h"

namespace piecemark::engine {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kWriteBytes = 256 << 10;

// Numbers in the order of the records, as far as 8 bytes decide it.
std::uint64_t beginning_of(Bytes record) {
  std::uint64_t beginning = 0;
  for (std::size_t i = 0; i < sizeof beginning; ++i) {
    beginning = beginning << 8 | (i < record.size() ? static_cast<unsigned char>(record[i]) : 0U);
  }
  return beginning;
}

// For the heap of runs, whose front is its greatest.
constexpr auto kSmallestFirst = [](const auto& a, const auto& b) { return a->record() > b->record(); };

}  // namespace

// The records of a run in their order: each is its size in 4 bytes, then its bytes.
class Sorter::RunReader {
 public:
  RunReader(const Sorter& sorter, const Run& run) : sorter_(sorter), at_(run.begin), end_(run.end) {}

  bool next() {
    buffer_at_ += record_.size();
    std::uint32_t size = 0;
    if (!fill(sizeof size)) return false;
    size = load<std::uint32_t>(buffer_.data() + buffer_at_);
    buffer_at_ += sizeof size;
    fill(size);
    record_ = Bytes(buffer_).substr(buffer_at_, size);
    return true;
  }
  Bytes record() const { return record_; }

 private:
  // Makes sure that so many bytes are at hand; false at the end of the run.
  bool fill(std::size_t bytes) {
    if (buffer_.size() - buffer_at_ >= bytes) return true;
    buffer_.erase(0, std::exchange(buffer_at_, 0));
    const std::size_t kept = buffer_.size();
    const auto left = static_cast<std::size_t>(end_ - at_);
    buffer_.resize(kept + std::min(left, std::max(bytes - kept, kReadBytes)));
    std::size_t read_bytes = 0;
    const std::span<char> into(buffer_.data() + kept, buffer_.size() - kept);
    sorter_.check(os::read_at(sorter_.file_, at_, into, read_bytes));
    if (read_bytes != into.size()) sorter_.check(std::make_error_code(std::errc::io_error));
    at_ += read_bytes;
    return buffer_.size() >= bytes;
  }

  const Sorter& sorter_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::string buffer_;
  std::size_t buffer_at_ = 0;
  Bytes record_;
};

Sorter::Sorter(std::string folder, std::size_t memory_bytes)
    : folder_(std::move(folder)), memory_bytes_(memory_bytes) {}

Sorter::~Sorter() = default;

void Sorter::check(std::error_code error) const {
  if (error) throw_system_error(error, "cannot sort with a temporary file in '" + folder_ + "'", folder_);
}

void Sorter::add(Bytes record) {
  records_.push_back({beginning_of(record), bytes_.size(), record.size()});
  bytes_.append(record);
  if (bytes_.size() + records_.size() * sizeof(Record) >= memory_bytes_) spill();
}

void Sorter::sort_records() {
  std::sort(records_.begin(), records_.end(), [this](const Record& a, const Record& b) {
    return a.beginning != b.beginning ? a.beginning < b.beginning : bytes_of(a) < bytes_of(b);
  });
}

void Sorter::spill() {
  if (!file_) check(os::create_unnamed(folder_, file_));
  sort_records();
  const std::uint64_t begin = file_bytes_;
  std::string block;
  const auto write = [&] {
    check(os::write_at(file_, file_bytes_, block));
    file_bytes_ += block.size();
    block.clear();
  };
  for (const Record& record : records_) {
    append(block, static_cast<std::uint32_t>(record.size));
    block.append(bytes_of(record));
    if (block.size() >= kWriteBytes) write();
  }
  write();
  runs_.push_back({begin, file_bytes_});
  records_.clear();
  bytes_.clear();
}

void Sorter::rewind() {
  if (!runs_.empty() && !records_.empty()) spill();
  if (runs_.empty()) {
    sort_records();
    at_ = 0;
  } else {
    open_runs();
  }
}

void Sorter::open_runs() {
  given_.reset();
  readers_.clear();
  for (const Run& run : runs_) {
    auto reader = std::make_unique<RunReader>(*this, run);
    if (reader->next()) readers_.push_back(std::move(reader));
  }
  std::make_heap(readers_.begin(), readers_.end(), kSmallestFirst);
}

bool Sorter::next(Bytes& record) {
  if (runs_.empty()) {
    if (at_ == records_.size()) return false;
    record = bytes_of(records_[at_++]);
    return true;
  }
  if (given_ && given_->next()) {
    readers_.push_back(std::move(given_));
    std::push_heap(readers_.begin(), readers_.end(), kSmallestFirst);
  }
  given_.reset();
  if (readers_.empty()) return false;
  std::pop_heap(readers_.begin(), readers_.end(), kSmallestFirst);
  given_ = std::move(readers_.back());
  readers_.pop_back();
  record = given_->record();
  return true;
}

void throw_changed_while_sorting() {
  throw Error(ErrorCode::io_error, {"cannot read a temporary file",
                                    "other bytes than were written to it",
                                    {},
                                    "check the disk, and try again"});
}

}  // namespace piecemark::engine
