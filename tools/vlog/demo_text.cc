#include "demo_text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace vlog::cli {
namespace {

Status Differs(uint64_t record, const std::string& how) {
  return absl::DataLossError(absl::StrCat("what was read differs at record ", record, ": ", how));
}

}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  // Without O_NONBLOCK a pipe would make this wait for its writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return absl::InvalidArgumentError("cannot read " + path + ": " + std::strerror(errno));
  }
  struct stat info {};
  MappedFile file;
  Status status;
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    status =
        absl::InvalidArgumentError(path + " is no regular file, and it is read more than once");
  } else if (info.st_size > 0) {
    file.size_ = static_cast<size_t>(info.st_size);
    void* data = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      status = absl::InvalidArgumentError("cannot map " + path + ": " + std::strerror(errno));
    } else {
      file.data_ = static_cast<const char*>(data);
    }
  }
  ::close(descriptor);
  VLOG_RETURN_IF_ERROR(status);
  return file;
}

void LineCursor::Advance(uint64_t lines) {
  for (uint64_t i = 0; i < lines && !rest_.empty(); ++i) {
    size_t newline = rest_.find('\n');
    rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
    ++number_;
  }
}

TextSize Measure(std::string_view text) {
  TextSize size;
  for (LineCursor cursor(text); !cursor.at_end(); cursor.Advance(1)) {
    ++size.lines;
    size.longest = std::max<uint64_t>(size.longest, cursor.line().size());
  }
  return size;
}

Status CompareWithText(std::string_view text, std::string_view read, uint64_t writers) {
  std::vector<LineCursor> expected;
  for (uint64_t writer = 0; writer < writers; ++writer) {
    expected.emplace_back(text);
    expected.back().Advance(writer);
  }
  uint64_t records = 0;
  for (LineCursor record(read); !record.at_end(); record.Advance(1), ++records) {
    std::string_view line = record.line();
    uint64_t number = 0;
    const char* line_end = line.data() + line.size();
    auto [digits_end, error] = std::from_chars(line.data(), line_end, number);
    if (error != std::errc() || digits_end == line_end || *digits_end != '\t') {
      return Differs(records, "it is not a number, a tab and a line");
    }
    LineCursor& next = expected[number % writers];
    if (next.at_end() || next.number() != number) {
      return Differs(records, absl::StrCat("line ", number, " came where writer ", number % writers,
                                           " had line ", next.number(), " next"));
    }
    line.remove_prefix(static_cast<size_t>(digits_end + 1 - line.data()));
    if (line != next.line()) {
      return Differs(records, absl::StrCat("line ", number, " has other bytes"));
    }
    next.Advance(writers);
  }
  for (const LineCursor& next : expected) {
    if (!next.at_end())
      return Differs(records, absl::StrCat("line ", next.number(), " is missing"));
  }
  return absl::OkStatus();
}

}  // namespace vlog::cli
