// The text of the demo: mapped, walked line by line, compared with what was read back.
#ifndef VLOG_TOOLS_VLOG_DEMO_TEXT_H_
#define VLOG_TOOLS_VLOG_DEMO_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace vlog::cli {

// A file in memory as the kernel maps it: its pages come and go, none is copied.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  // kInvalidArgument: it cannot be read, or is no regular file.
  static StatusOr<MappedFile> Open(const std::string& path);
  std::string_view view() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// Walks over lines; a last one without newline counts, what follows a last newline does not.
class LineCursor {
 public:
  explicit LineCursor(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  // REQUIRES: not at_end().
  std::string_view line() const { return rest_.substr(0, rest_.find('\n')); }
  uint64_t number() const { return number_; }  // from 0
  // Stops at the end.
  void Advance(uint64_t lines);

 private:
  std::string_view rest_;
  uint64_t number_ = 0;
};

struct TextSize {
  uint64_t lines = 0;
  uint64_t longest = 0;  // bytes
};
TextSize Measure(std::string_view text);

// `read` holds records "i<TAB>line" joined by newlines, where writer i mod `writers` wrote line i.
// OK: the lines of each writer are in order, and sorted by i they are `text`, byte for byte, each
// line once. kDataLoss: which record differs. Memory: a cursor a writer.
Status CompareWithText(std::string_view text, std::string_view read, uint64_t writers);

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_DEMO_TEXT_H_
