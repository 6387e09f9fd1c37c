// A folder that holds logs: the embedded use of the project, on the caller's Asio executor.
//
//   DIR/LOCK            held by the one process that writes
//   DIR/journal/        the records of all logs: *.seg, *.idx, meta
//   DIR/chains/         one file a log: its chain
#ifndef VLOG_EMBEDDED_DIRECTORY_H_
#define VLOG_EMBEDDED_DIRECTORY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "loglets/factory.h"
#include "metastore/file/file_metastore.h"
#include "storage/journal.h"
#include "storage/journal_view.h"
#include "virtuallog/shared_log.h"

namespace vlog::embedded {

struct DirectoryOptions {
  enum class Access {
    kReadWrite,  // creates the folder if it does not exist and locks it
    kRead,       // beside a live writer: shows what is durable, writes nothing
  };
  Access access = Access::kReadWrite;
  storage::JournalOptions journal;
};

// Thread rule: everything on `executor`, which must be serial: an io_context run by one thread, or
// a strand. Await Close() before destroying it.
class Directory {
 public:
  // kAlreadyExists: another process writes; the message names it. kNotFound (kRead): there is no
  // log directory. kDataLoss, kInvalidArgument: which file is damaged or of another version, what
  // to do.
  static Task<StatusOr<std::unique_ptr<Directory>>> Open(boost::asio::any_io_executor executor,
                                                         std::string path,
                                                         DirectoryOptions options = {});
  // The same on another world; for the simulator.
  static Task<StatusOr<std::unique_ptr<Directory>>> OpenOn(std::shared_ptr<env::Env> env,
                                                           DirectoryOptions options);
  ~Directory();

  // The log of this name, opened once and owned by the directory. With `create`, a log that does
  // not exist is made; without, kNotFound.
  Task<StatusOr<virtuallog::SharedLog*>> OpenLog(std::string name, bool create);
  Task<StatusOr<std::vector<std::string>>> Logs();
  // Reads everything that is stored and reports what is damaged. Only with kRead.
  Task<StatusOr<std::vector<storage::Damage>>> Verify();
  // Damage that was met when the journal was opened.
  const std::vector<storage::Damage>& damage() const;
  // What the journal did since it was opened; REQUIRES: kReadWrite.
  const storage::JournalStats& stats() const { return journal_->stats(); }

  // Close the handles first. The status tells whether the journal stopped in good order.
  Task<Status> Close();
  env::Env& env() { return *env_; }

 private:
  Directory(std::shared_ptr<env::Env> env, DirectoryOptions options);
  Task<Status> OpenForWriting();
  Task<Status> OpenForReading();

  std::shared_ptr<env::Env> env_;
  DirectoryOptions options_;
  std::unique_ptr<env::DiskLock> lock_;
  std::unique_ptr<storage::Journal> journal_;   // kReadWrite
  std::unique_ptr<storage::JournalView> view_;  // kRead
  std::unique_ptr<metastore::FileMetastore> metastore_;
  loglets::LogletFactory factory_;
  std::map<std::string, std::unique_ptr<virtuallog::SharedLog>> logs_;
};

}  // namespace vlog::embedded

#endif  // VLOG_EMBEDDED_DIRECTORY_H_
