// Internal to the configuration: collects values in the order of their precedence, where each came
// from, and every mistake.
#ifndef VLOG_SERVER_CONFIG_LOADER_H_
#define VLOG_SERVER_CONFIG_LOADER_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/config_keys.h"

namespace vlog::server {

// A mistake and where it is.
struct ConfigProblem {
  std::string place;  // "node.toml:12:7", "VLOG_NODE_ID", ...
  uint32_t line = 0;  // those of the file come in its order; 0: not in a file
  uint32_t column = 0;
  std::string text;
};

class ConfigLoader {
 public:
  // Each call overrides the ones before it.
  void TakeDefaults();
  void TakeFile(const std::string& name, std::string_view text);
  void TakeEnvironment(const std::map<std::string, std::string>& environment);
  void TakeFlags(const std::map<std::string, std::string>& flags);

  // Fills in what follows from other settings and looks for settings that do not go together.
  // Stays silent about that if single values were wrong already.
  StatusOr<LoadedConfig> Finish() &&;

 private:
  friend class ConfigFile;

  void SetNodeKey(const ConfigRow<NodeConfig>& row, std::string_view text, ConfigProblem where);
  void Report(ConfigProblem where, std::string text);
  // At the origin of the value of `key`.
  void ReportKey(const std::string& key, const std::string& text);
  std::string OriginOf(const std::string& key) const;

  void FindMissing();
  void FillIn();
  void CheckSizes();
  void CheckTimes();
  void CheckAddresses();
  void CheckPeers();
  void DropOwnPeer();

  std::string file_name_;
  LoadedConfig loaded_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace vlog::server

#endif  // VLOG_SERVER_CONFIG_LOADER_H_
