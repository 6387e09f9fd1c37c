#include "loglets/factory.h"

#include "base/check.h"

namespace vlog::loglets {

void LogletFactory::Register(std::unique_ptr<LogletKind> kind) {
  std::string name = kind->name();
  bool added = kinds_.emplace(name, std::move(kind)).second;
  VLOG_CHECK(added, "each kind is registered once");
}

StatusOr<LogletKind*> LogletFactory::Find(const std::string& name) const {
  auto it = kinds_.find(name);
  if (it != kinds_.end()) return it->second.get();
  std::string known;
  for (const std::string& other : names()) known += (known.empty() ? "" : ", ") + other;
  return absl::InvalidArgumentError("there is no loglet kind '" + name +
                                    "' here; there are: " + known);
}

std::vector<std::string> LogletFactory::names() const {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds_) names.push_back(name);
  return names;
}

Status RefuseOptions(const std::string& kind, const ProposeRequest& request) {
  const std::string& wished = request.wish.options;
  if (wished.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("all nodes of a " + kind +
                                    " loglet do the same, they have no "
                                    "roles; '" +
                                    wished + "' is for kinds that have, as paxos");
}

const char* ToString(CopyWord::State state) {
  switch (state) {
    case CopyWord::State::kHolds:
      return "yes";
    case CopyWord::State::kLacks:
      return "no";
    case CopyWord::State::kTrimmed:
      return "trimmed";
    case CopyWord::State::kGone:
      return "gone";
    case CopyWord::State::kSilent:
      return "no answer";
  }
  return "no answer";
}

}  // namespace vlog::loglets
