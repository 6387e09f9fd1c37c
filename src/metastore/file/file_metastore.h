// The embedded metastore: one small file a log, in the folder that the journal lives in.
#ifndef VLOG_METASTORE_FILE_FILE_METASTORE_H_
#define VLOG_METASTORE_FILE_FILE_METASTORE_H_

#include <map>
#include <memory>

#include "async/event.h"
#include "env/env.h"
#include "metastore/metastore.h"
#include "storage/state_file.h"

namespace vlog::metastore {

// With kReadWrite the caller holds the directory's lock: this process is the only writer, and a
// read needs no disk. With kRead it shows what the writing process has made durable, looking again
// every 20 ms in AwaitChange(). Calls of one log run one after the other.
class FileMetastore final : public Metastore {
 public:
  enum class Access { kReadWrite, kRead };
  // `directory` exists (with kRead: if it does not, there are no logs).
  FileMetastore(env::Env& env, std::string directory, Access access);

  Task<StatusOr<Versioned>> Read(std::string log) override;
  Task<StatusOr<Version>> Write(std::string log, std::string value, Version expected) override;
  Task<StatusOr<Version>> AwaitChange(std::string log, Version known, Instant deadline) override;
  void EndWaits(const std::string& log) override;
  Task<StatusOr<std::vector<std::string>>> List() override;

 private:
  struct Register {
    std::unique_ptr<storage::StateFile> file;
    bool busy = false;
  };
  std::string FileName(const std::string& log) const;
  Task<Status> Lock(std::string log);
  void Unlock(const std::string& log);
  Task<StatusOr<Versioned>> ReadLocked(std::string log);
  Task<StatusOr<Version>> WriteLocked(std::string log, std::string value, Version expected);

  env::Env& env_;
  std::string directory_;
  Access access_;
  std::map<std::string, Register> registers_;
  async::Event unlocked_;
  std::map<std::string, uint64_t> ends_;  // how often the waits of a log were ended
  async::Event changed_;
};

// OK if `log` may name a log: 1 to 100 letters, digits, '.', '_' or '-', not beginning with '.'.
Status CheckLogName(const std::string& log);

}  // namespace vlog::metastore

#endif  // VLOG_METASTORE_FILE_FILE_METASTORE_H_
