// A small value that is replaced as a whole, atomically and durably, in place.
//
// The file holds two copies, each with a version and a checksum, written one after the other. A
// crash in between leaves at least one intact copy; so does rot of one copy. The second copy never
// holds what is not durable in the first, so a reader beside a live writer trusts the second. No
// space is allocated by an update that fits, so a full disk does not stop it.
#ifndef VLOG_STORAGE_STATE_FILE_H_
#define VLOG_STORAGE_STATE_FILE_H_

#include <memory>
#include <string>

#include "env/env.h"

namespace vlog::storage {

// Thread rule: the Env's executor. One Write() at a time. The Env outlives it.
class StateFile {
 public:
  // Creates `name` with its first value, durably, directory entry included. kAlreadyExists if it is
  // there; kResourceExhausted and others: not created.
  static Task<StatusOr<std::unique_ptr<StateFile>>> Create(env::Env& env, std::string name,
                                                           std::string value);
  // kNotFound; kDataLoss if neither copy is intact.
  static Task<StatusOr<std::unique_ptr<StateFile>>> Open(env::Env& env, std::string name,
                                                         env::OpenMode mode);

  const std::string& value() const { return value_; }
  // Reads the file again, for a reader beside a live writer. Shows only what is durable.
  Task<Status> Refresh();
  // OK: durable. kResourceExhausted: certainly not done. Anything else: unknown, and this file must
  // be opened again before it is used.
  Task<Status> Write(std::string value);

 private:
  struct Copies;
  StateFile(env::Env& env, std::string name) : env_(env), name_(std::move(name)) {}
  Task<StatusOr<Copies>> ReadCopies();
  Task<Status> WriteCopies(Bytes slot);
  Task<Status> Grow(size_t value_bytes);

  env::Env& env_;
  std::string name_;
  std::shared_ptr<env::File> file_;
  uint64_t slot_bytes_ = 0;
  uint64_t version_ = 0;
  std::string value_;
};

}  // namespace vlog::storage

#endif  // VLOG_STORAGE_STATE_FILE_H_
