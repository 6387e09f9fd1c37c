// Immutable bytes that are shared, not copied: a counted reference to a buffer and a window on it.
#ifndef VLOG_BASE_BYTES_H_
#define VLOG_BASE_BYTES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vlog {

// Copying a Bytes copies the reference. The bytes behind it never change and live as long as any
// window on them. Safe to share between threads.
class Bytes {
 public:
  Bytes() = default;
  // Takes over `data` without a copy.
  explicit Bytes(std::string data);
  // A window on memory that `owner` keeps alive and that nobody changes any more.
  Bytes(std::shared_ptr<const void> owner, std::string_view window)
      : owner_(std::move(owner)), view_(window) {}
  static Bytes CopyOf(std::string_view data) { return Bytes(std::string(data)); }

  std::string_view view() const { return view_; }
  const char* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }

  // The `length` bytes from `offset`, on the same buffer. REQUIRES: they are inside this window.
  Bytes Slice(size_t offset, size_t length) const;

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

// One write made of several windows, in order: what a gathering write takes.
using BytesList = std::vector<Bytes>;

}  // namespace vlog

#endif  // VLOG_BASE_BYTES_H_
