#include "cluster/etcd_nodes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "local_cluster/loopback.h"

namespace vlog::bench {
namespace {

constexpr size_t kNodes = 3;

// "" if there is none.
std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  std::string folder;
  while (std::getline(folders, folder, ':')) {
    std::string program = folder + "/" + name;
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

std::string Url(uint16_t port) {
  return absl::StrCat("http://", local_cluster::kLoopback, ":", port);
}

}  // namespace

StatusOr<std::unique_ptr<EtcdNodes>> EtcdNodes::Start(const std::string& directory) {
  std::string program = FindProgram("etcd");
  if (program.empty()) return absl::NotFoundError("etcd is not installed; run tools/setup bench");
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return absl::UnavailableError("make " + directory + ": " + error.message());
  // Ports for clients, then for peers.
  StatusOr<std::vector<uint16_t>> ports = local_cluster::FreePorts(2 * kNodes);
  VLOG_RETURN_IF_ERROR(ports);
  std::string members;
  for (size_t i = 0; i < kNodes; ++i) {
    absl::StrAppend(&members, i == 0 ? "" : ",", "e", i, "=", Url((*ports)[kNodes + i]));
  }
  std::unique_ptr<EtcdNodes> nodes(new EtcdNodes());
  for (size_t i = 0; i < kNodes; ++i) {
    std::string name = absl::StrCat("e", i);
    std::string client = Url((*ports)[i]);
    std::string peer = Url((*ports)[kNodes + i]);
    local_cluster::Command command;
    command.words = {program,
                     "--name=" + name,
                     "--data-dir=" + directory + "/" + name,
                     "--listen-client-urls=" + client,
                     "--advertise-client-urls=" + client,
                     "--listen-peer-urls=" + peer,
                     "--initial-advertise-peer-urls=" + peer,
                     "--initial-cluster=" + members,
                     "--logger=zap",
                     "--log-outputs=stderr",
                     "--log-level=warn"};
    command.errors = directory + "/" + name + ".log";
    StatusOr<local_cluster::ChildProcess> process = local_cluster::ChildProcess::Start(command);
    VLOG_RETURN_IF_ERROR(process);
    nodes->processes_.push_back(*std::move(process));
    nodes->endpoints_.push_back(absl::StrCat(local_cluster::kLoopback, ":", (*ports)[i]));
  }
  return nodes;
}

std::vector<pid_t> EtcdNodes::Processes() const {
  std::vector<pid_t> processes;
  for (const local_cluster::ChildProcess& process : processes_) processes.push_back(process.pid());
  return processes;
}

}  // namespace vlog::bench
