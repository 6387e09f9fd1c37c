// The disk as the journal sees it: files that are written in place and made durable by a sync.
//
// Contract (checked by tests/contract/disk_suite for the real and the simulated disk):
// - Names are relative to the disk's root, with '/' between folders.
// - What a crash keeps: everything that a finished sync covered. Of what was written after it, any
//   subset of 512-byte sectors. A name (create, rename, remove) is durable only after
//   SyncDirectory() of its folder.
// - Errors of every call: kNotFound, kAlreadyExists, kResourceExhausted (disk full; nothing below
//   the old end of file was lost), kInternal (a failed sync; what it should have covered is lost),
//   kDataLoss (the medium cannot be read), kUnavailable (anything else; says which system call).
// - Calls may overlap. Writes and syncs of one file take effect in the order of the calls.
//
// Thread rule: all calls and completions on the scheduler's executor.
#ifndef VLOG_ENV_DISK_H_
#define VLOG_ENV_DISK_H_

#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/bytes.h"
#include "base/status.h"

namespace vlog::env {

enum class Durability { kBuffered, kSynced };

class File {
 public:
  virtual ~File() = default;

  // Writes all of `data` at `offset`; with kSynced, OK means durable (the data and the file size).
  // An error leaves any part of it written and nothing of it durable for sure.
  virtual Task<Status> Write(uint64_t offset, BytesList data, Durability durability) = 0;
  // Up to `length` bytes from `offset`; fewer only at the end of the file.
  virtual Task<StatusOr<Bytes>> Read(uint64_t offset, size_t length) = 0;
  virtual Task<Status> Sync() = 0;
  virtual Task<StatusOr<uint64_t>> Size() = 0;
};

enum class OpenMode {
  kRead,       // kNotFound if it does not exist
  kReadWrite,  // the same
  kCreate,     // kAlreadyExists if it exists; for reading and writing, mode 0600
};

// Held until destroyed or until the process dies.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  virtual Task<StatusOr<std::shared_ptr<File>>> Open(std::string name, OpenMode mode) = 0;
  // Creates the folder, with mode 0700, durably, if it does not exist; "" is the root itself.
  virtual Task<Status> MakeDirectory(std::string name) = 0;
  // The names in a folder, sorted, folders included.
  virtual Task<StatusOr<std::vector<std::string>>> List(std::string directory) = 0;
  // Replaces `to` if it exists. Atomic.
  virtual Task<Status> Rename(std::string from, std::string to) = 0;
  virtual Task<Status> Remove(std::string name) = 0;
  virtual Task<Status> SyncDirectory(std::string name) = 0;
  // Takes the exclusive lock on `name`, creating it. kAlreadyExists, with the holder's process id
  // in the message, while another holds it.
  virtual Task<StatusOr<std::unique_ptr<DiskLock>>> Lock(std::string name) = 0;
  // What messages call the root.
  virtual std::string RootName() const = 0;
};

}  // namespace vlog::env

#endif  // VLOG_ENV_DISK_H_
