// Page-aligned memory that a socket receives into and that is handed out in windows without a copy.
#ifndef VLOG_ENV_REAL_RECEIVE_BUFFER_H_
#define VLOG_ENV_REAL_RECEIVE_BUFFER_H_

#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace vlog::env {

//   | consumed | received | room |
//   0        begin       end     capacity
//
// Bytes that were handed out never change: received bytes are moved only into a new buffer, or
// within this one while no window on it exists.
class ReceiveBuffer {
 public:
  size_t available() const { return end_ - begin_; }
  // All that was received and not consumed.
  Bytes Window() const;
  // REQUIRES: bytes <= available().
  void Consume(size_t bytes);

  // Makes room to receive into, so that `wanted` bytes from the first unconsumed one on can lie
  // contiguously.
  void MakeRoom(size_t wanted);
  char* room() { return memory_.get() + end_; }
  size_t room_size() const { return capacity_ - end_; }
  void Received(size_t bytes) { end_ += bytes; }

 private:
  std::shared_ptr<char> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_REAL_RECEIVE_BUFFER_H_
