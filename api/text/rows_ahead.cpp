#include "api/text/rows_ahead.h"

#include <system_error>

namespace piecemark::text {

template <class Columns>
RowsAhead<Columns>::RowsAhead(RowSource<Columns>& source) : source_(source) {
  const bool is_small = source.bytes_total() != 0 && source.bytes_total() < kBytesWorthAThread;
  if (!source.may_wait() && !is_small) start();
}

template <class Columns>
RowsAhead<Columns>::~RowsAhead() {
  if (!reader_.joinable()) return;
  is_stopping_ = true;
  batches_.close();
  reader_.join();
}

template <class Columns>
void RowsAhead<Columns>::start() {
  try {
    reader_ = std::thread([this] { read_all(); });
  } catch (const std::system_error&) {
    // No more threads are to be had: the caller's own does the work.
  }
}

template <class Columns>
IncomingText<Columns>* RowsAhead<Columns>::next() {
  if (reader_.joinable()) return next_of_batches();
  return source_.next(row_) ? &row_ : nullptr;
}

template <class Columns>
IncomingText<Columns>* RowsAhead<Columns>::next_of_batches() {
  while (batch_ == nullptr || given_ == batch_->size) {
    if (batch_ != nullptr) {
      if (batch_->error) std::rethrow_exception(batch_->error);
      batches_.hand_back();
    }
    batch_ = batches_.slot_to_take();
    given_ = 0;
    if (batch_ == nullptr) return nullptr;
  }
  return &batch_->rows[given_++];
}

template <class Columns>
void RowsAhead<Columns>::read_all() {
  bool has_more = true;
  while (has_more) {
    Batch* const batch = batches_.slot_to_fill();
    if (batch == nullptr) return;
    has_more = fill(*batch);
    batches_.hand_on();
  }
  batches_.end();
}

// False when nothing follows.
template <class Columns>
bool RowsAhead<Columns>::fill(Batch& batch) {
  const std::uint64_t bytes_before = bytes_read_;
  batch.size = 0;
  try {
    while (batch.size < kRowsInBatch && bytes_read_ - bytes_before < kBytesInBatch && !is_stopping_) {
      IncomingText<Columns>& row = batch.rows[batch.size];
      if (!source_.next(row)) return false;
      bytes_read_ = row.bytes_read;
      ++batch.size;
    }
    return true;
  } catch (...) {
    batch.error = std::current_exception();
    return false;
  }
}

template class RowsAhead<ComponentColumns>;
template class RowsAhead<DrawingColumns>;

}  // namespace piecemark::text
