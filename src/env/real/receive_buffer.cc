#include "env/real/receive_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "env/network.h"

namespace vlog::env {
namespace {

constexpr size_t kPageBytes = 4096;
// Below this, a system call would receive too little.
constexpr size_t kMinRoom = 4096;

// Buffers that begin on a page: the kernel copies into them several times faster than to malloc's
// usual page + 16.
std::shared_ptr<char> NewPages(size_t bytes) {
  auto* memory = static_cast<char*>(std::aligned_alloc(kPageBytes, bytes));
  VLOG_CHECK(memory != nullptr, "there is memory for a receive buffer");
  return std::shared_ptr<char>(memory, [](char* pages) { std::free(pages); });
}

}  // namespace

Bytes ReceiveBuffer::Window() const {
  return Bytes(memory_, std::string_view(memory_.get() + begin_, available()));
}

void ReceiveBuffer::Consume(size_t bytes) {
  VLOG_CHECK(bytes <= available(), "only what was received is consumed");
  begin_ += bytes;
}

void ReceiveBuffer::MakeRoom(size_t wanted) {
  bool sole = memory_ != nullptr && memory_.use_count() == 1;
  if (sole && available() == 0) begin_ = end_ = 0;
  size_t needed = std::max(wanted, available() + kMinRoom);
  // What was made for a large frame is not kept for small ones: a slice would pin too much.
  bool oversized = capacity_ > kReceiveBufferBytes && needed <= kReceiveBufferBytes;
  if (!oversized && capacity_ - begin_ >= needed) return;
  if (sole && !oversized && capacity_ >= needed) {
    std::memmove(memory_.get(), memory_.get() + begin_, available());
  } else {
    size_t bytes = std::max(kReceiveBufferBytes, (needed / kPageBytes + 1) * kPageBytes);
    std::shared_ptr<char> next = NewPages(bytes);
    if (available() > 0) std::memcpy(next.get(), memory_.get() + begin_, available());
    memory_ = std::move(next);
    capacity_ = bytes;
  }
  end_ -= begin_;
  begin_ = 0;
}

}  // namespace vlog::env
