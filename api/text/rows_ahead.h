// Rows of a source, read ahead on a thread of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "api/text/hand_over.h"
#include "api/text/row_source.h"

namespace piecemark::text {

// Gives the rows of a source one by one, in their order, as if it read each when it is asked for; an error comes in
// the place of the row that could not be read. A thread reads a few batches ahead, where the source is large enough
// and never waits for others: a row that has arrived must not have to wait for the next, nor an end for a row.
//
// Threads  Stays on one thread. The destructor waits until the reading has stopped.
template <class Columns>
class RowsAhead {
 public:
  explicit RowsAhead(RowSource<Columns>& source);
  RowsAhead(const RowsAhead&) = delete;
  RowsAhead& operator=(const RowsAhead&) = delete;
  ~RowsAhead();

  // The next row, valid until the next call; nullptr at the end.  Errors  those of RowSource::next
  IncomingText<Columns>* next();

 private:
  static constexpr std::size_t kBatches = 4;
  static constexpr std::size_t kRowsInBatch = 128;
  static constexpr std::uint64_t kBytesInBatch = std::uint64_t{256} << 10;
  static constexpr std::uint64_t kBytesWorthAThread = std::uint64_t{1} << 20;

  struct Batch {
    std::vector<IncomingText<Columns>> rows{kRowsInBatch};
    std::size_t size = 0;
    std::exception_ptr error;  // behind the rows
  };

  void start();
  void read_all();
  bool fill(Batch& batch);
  IncomingText<Columns>* next_of_batches();

  RowSource<Columns>& source_;
  IncomingText<Columns> row_;  // where no thread reads

  HandOver<Batch, kBatches> batches_;
  Batch* batch_ = nullptr;  // whose rows are being given
  std::size_t given_ = 0;   // of batch_
  std::uint64_t bytes_read_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::thread reader_;
};

extern template class RowsAhead<ComponentColumns>;
extern template class RowsAhead<DrawingColumns>;

}  // namespace piecemark::text
