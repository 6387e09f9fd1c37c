#include "server/config.h"

#include <algorithm>

#include "base/check.h"
#include "server/config_loader.h"
#include "server/config_values.h"

namespace vlog::server {

void ConfigLoader::Report(ConfigProblem where, std::string text) {
  where.text = std::move(text);
  problems_.push_back(std::move(where));
}

void ConfigLoader::ReportKey(const std::string& key, const std::string& text) {
  ConfigProblem where;
  where.place = OriginOf(key);
  Report(std::move(where), key + " " + text);
}

std::string ConfigLoader::OriginOf(const std::string& key) const {
  auto it = loaded_.origins.find(key);
  return it == loaded_.origins.end() ? "default" : it->second;
}

void ConfigLoader::SetNodeKey(const ConfigRow<NodeConfig>& row, std::string_view text,
                              ConfigProblem where) {
  Status set = SetConfigField(row.key, text, row.field(loaded_.config));
  if (set.ok()) {
    loaded_.origins[row.key.key] = where.place;
  } else {
    Report(std::move(where), row.key.key + ": \"" + std::string(text) + "\" " + Message(set));
  }
}

void ConfigLoader::TakeDefaults() {
  for (const auto& row : NodeRows()) {
    if (row.key.required) continue;
    Status set = SetConfigField(row.key, row.key.fallback, row.field(loaded_.config));
    VLOG_CHECK(set.ok(), "every default is a value that a file may hold");
    loaded_.origins[row.key.key] = "default";
  }
}

void ConfigLoader::TakeEnvironment(const std::map<std::string, std::string>& environment) {
  std::vector<std::string> names;
  for (const auto& row : NodeRows()) names.push_back(row.key.VariableName());
  for (const auto& [variable, text] : environment) {
    if (variable.rfind("VLOG_", 0) != 0) continue;
    auto row = std::find(names.begin(), names.end(), variable);
    if (row != names.end()) {
      ConfigProblem where;
      where.place = variable;
      SetNodeKey(NodeRows()[static_cast<size_t>(row - names.begin())], text, std::move(where));
      continue;
    }
    // Not an error: orchestrators set variables of such names on their own.
    std::optional<std::string> meant = ClosestName(variable, names);
    loaded_.warnings.push_back("the environment variable " + variable + " is no setting" +
                               (meant ? "; did you mean " + *meant + "?" : ""));
  }
}

void ConfigLoader::TakeFlags(const std::map<std::string, std::string>& flags) {
  std::vector<std::string> names;
  for (const auto& row : NodeRows()) names.push_back(row.key.FlagName());
  for (const auto& [flag, text] : flags) {
    ConfigProblem where;
    where.place = "--" + flag;
    auto row = std::find(names.begin(), names.end(), flag);
    if (row != names.end()) {
      SetNodeKey(NodeRows()[static_cast<size_t>(row - names.begin())], text, std::move(where));
      continue;
    }
    std::optional<std::string> meant = ClosestName(flag, names);
    Report(std::move(where),
           "there is no such flag" + (meant ? "; did you mean --" + *meant + "?" : std::string()));
  }
}

void ConfigLoader::FindMissing() {
  for (const auto& row : NodeRows()) {
    bool wrong = std::any_of(problems_.begin(), problems_.end(), [&](const ConfigProblem& p) {
      return p.text.rfind(row.key.key, 0) == 0;
    });
    if (!row.key.required || wrong || loaded_.origins.contains(row.key.key)) continue;
    ConfigProblem where;
    where.place = file_name_.empty() ? "configuration" : file_name_;
    Report(std::move(where), row.key.key + " is not set: write it into the file, or give --" +
                                 row.key.FlagName() + " or " + row.key.VariableName());
  }
}

StatusOr<LoadedConfig> ConfigLoader::Finish() && {
  FindMissing();
  if (problems_.empty()) {
    FillIn();
    CheckSizes();
    CheckTimes();
    CheckAddresses();
    CheckPeers();
    DropOwnPeer();
  }
  if (problems_.empty()) return std::move(loaded_);
  // Those of the file in its order, then the rest.
  auto before = [](const ConfigProblem& a, const ConfigProblem& b) {
    if ((a.line == 0) != (b.line == 0)) return b.line == 0;
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  };
  std::stable_sort(problems_.begin(), problems_.end(), before);
  std::string message;
  for (const ConfigProblem& problem : problems_) {
    message += (message.empty() ? "" : "\n") + problem.place + ": " + problem.text;
  }
  return absl::InvalidArgumentError(message);
}

std::optional<ClusterId> ConfiguredCluster(const NodeConfig& config) {
  if (config.cluster.id.empty()) return std::nullopt;
  StatusOr<uint64_t> id = ParseHexId(config.cluster.id);
  VLOG_CHECK(id.ok(), "a loaded configuration holds no malformed id");
  return ClusterId(*id);
}

StatusOr<LoadedConfig> LoadNodeConfig(const ConfigInput& input) {
  ConfigLoader loader;
  loader.TakeDefaults();
  if (input.file_text) loader.TakeFile(input.file_name, *input.file_text);
  loader.TakeEnvironment(input.environment);
  loader.TakeFlags(input.flags);
  return std::move(loader).Finish();
}

}  // namespace vlog::server
