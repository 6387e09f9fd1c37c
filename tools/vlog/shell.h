// What every command runs in: a loop of its own, the directory or the cluster, standard output.
#ifndef VLOG_TOOLS_VLOG_SHELL_H_
#define VLOG_TOOLS_VLOG_SHELL_H_

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "client/cluster.h"
#include "embedded/directory.h"
#include "output.h"

namespace vlog::cli {

struct GlobalArguments {
  std::string directory;
  std::string cluster;  // "host:port,..."; this or `directory`
  std::string log = "default";
  uint64_t segment_bytes = 64 << 20;
};

class Shell {
 public:
  explicit Shell(GlobalArguments arguments);
  ~Shell();

  // Runs the command to its end, closes what it opened, and returns its exit code.
  int Run(Task<int> command);

  enum class Access {
    kRead,    // beside a live writer; changes nothing while there is one
    kWrite,   // a log that exists; a missing one is kNotFound and nothing is created
    kAppend,  // makes what is missing
  };
  // The log that the arguments name, of the directory or of the cluster. Its object lives as long
  // as the shell.
  Task<StatusOr<virtuallog::SharedLog*>> OpenLog(Access access);
  Task<StatusOr<embedded::Directory*>> OpenDirectory(Access access);
  Task<StatusOr<client::Cluster*>> OpenCluster();
  bool on_cluster() const { return !arguments_.cluster.empty(); }
  // Closes what is open; Run() does it too. The handles are closed first; another may be opened.
  Task<Status> Close();

  const GlobalArguments& arguments() const { return arguments_; }
  void UseDirectory(std::string path) { arguments_.directory = std::move(path); }
  void UseCluster(std::string addresses) { arguments_.cluster = std::move(addresses); }
  boost::asio::any_io_executor executor() { return context_.get_executor(); }
  // REQUIRES: a directory or a cluster is open.
  async::Scheduler& scheduler() {
    return cluster_ != nullptr ? cluster_->env().scheduler() : directory_->env().scheduler();
  }
  Output& out() { return out_; }

 private:
  Task<void> RunAndClose(Task<int> command);
  Task<void> SettleAfterCrash();

  GlobalArguments arguments_;
  Output out_;
  boost::asio::io_context context_{1};
  std::unique_ptr<embedded::Directory> directory_;
  // Closed; destroyed only when the loop has run on, so that what waited on it has unwound.
  std::unique_ptr<embedded::Directory> retired_;
  std::unique_ptr<client::Cluster> cluster_;  // closed ones are kept, for the same reason
  int exit_code_ = 0;
};

}  // namespace vlog::cli

#endif  // VLOG_TOOLS_VLOG_SHELL_H_
