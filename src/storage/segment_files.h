// The files of a journal's segments: made ready in the background, recycled, removed.
#ifndef VLOG_STORAGE_SEGMENT_FILES_H_
#define VLOG_STORAGE_SEGMENT_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"

namespace vlog::storage {

// A segment is DIR/<number>.seg beside DIR/<number>.idx; numbers are 16 hex digits, so that the
// listing is in order. At most one spare file waits to become a later segment: its blocks are
// written already, which makes syncs cheap.
//
// Thread rule: the Env's executor; calls do not overlap, except Open().
class SegmentFiles {
 public:
  SegmentFiles(env::Env& env, std::string directory, uint64_t segment_bytes)
      : env_(env), directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  // The segments that exist, in order; also finds the spare and removes unfinished files.
  Task<StatusOr<std::vector<uint64_t>>> List(bool read_only);
  Task<StatusOr<std::shared_ptr<env::File>>> Open(uint64_t segment, env::OpenMode mode);

  // Makes the file of a new segment, with a first stretch of written blocks, and makes its name
  // durable. kResourceExhausted: not made.
  Task<Status> Make(uint64_t segment);
  // Writes zeros to [from, to) and syncs.
  Task<Status> WriteZeros(std::shared_ptr<env::File> file, uint64_t from, uint64_t to);
  // The segment is not needed any more: becomes the spare, or goes.
  Task<Status> Discard(uint64_t segment);

  // The index file: replaced as a whole, durably.
  Task<Status> WriteIndex(uint64_t segment, std::string contents);
  // kNotFound if there is none.
  Task<StatusOr<Bytes>> ReadIndex(uint64_t segment);

  const std::string& directory() const { return directory_; }
  uint64_t segment_bytes() const { return segment_bytes_; }

 private:
  std::string Name(uint64_t segment, const char* suffix) const;
  std::string Spare() const { return directory_ + "/spare"; }

  env::Env& env_;
  std::string directory_;
  uint64_t segment_bytes_;
  bool has_spare_ = false;
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_SEGMENT_FILES_H_
