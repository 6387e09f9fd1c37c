// What people read, made from the same table that the parser uses.
#include <algorithm>

#include "server/config_keys.h"
#include "server/config_values.h"

namespace vlog::server {
namespace {

constexpr size_t kFileWidth = 100;

// Appends `text` in lines of at most `width` columns, each after `prefix`.
void AppendWrapped(std::string_view text, const std::string& prefix, size_t width,
                   std::string* out) {
  std::string line = prefix;
  bool empty = true;
  while (!text.empty()) {
    size_t space = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, space);
    if (!empty && line.size() + 1 + word.size() > width) {
      *out += line + "\n";
      line = prefix;
      empty = true;
    }
    if (!empty) line += " ";
    line += word;
    empty = false;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  if (!empty) *out += line + "\n";
}

std::string TableOf(const std::string& key) { return key.substr(0, key.find('.')); }
std::string NameOf(const std::string& key) { return key.substr(key.find('.') + 1); }

// The default, or an example where there is none, as a TOML file has it.
std::string ShownValue(const ConfigKey& key) {
  const std::string& text = key.required ? key.example : key.fallback;
  return key.type == ConfigType::kInteger ? text : QuotedText(text);
}

std::string RangeText(const ConfigKey& key) {
  bool ranged = key.type == ConfigType::kInteger || key.type == ConfigType::kSize ||
                key.type == ConfigType::kDuration || key.type == ConfigType::kChoice;
  return ranged ? " Takes " + DescribeConfigType(key) + "." : "";
}

void AppendSetting(const ConfigKey& key, std::string* out) {
  AppendWrapped(key.help + RangeText(key), "# ", kFileWidth, out);
  *out += NameOf(key.key) + " = " + ShownValue(key) + "\n";
}

constexpr char kExampleHead[] =
    "# Each setting of a node, with its default. 'vlogd --check-config' prints what is in force "
    "and\n"
    "# where it comes from. A flag (--node-id 3) beats an environment variable (VLOG_NODE_ID=3),\n"
    "# which beats this file, which beats the default; the names follow those in here.\n"
    "# Only node.id must be set.\n";
constexpr char kPeersHead[] =
    "\n# The nodes to ask first when this one starts, once the cluster is larger than one. This "
    "node\n"
    "# may stand here too, so that all nodes can share the list.\n";

}  // namespace

std::string ExampleConfigText() {
  std::string out = kExampleHead;
  std::string table;
  for (const auto& row : NodeRows()) {
    if (TableOf(row.key.key) != table) {
      table = TableOf(row.key.key);
      out += "\n[" + table + "]\n";
    }
    AppendSetting(row.key, &out);
  }
  out += kPeersHead;
  out += "[[peers]]\n";
  for (const auto& row : PeerRows()) AppendSetting(row.key, &out);
  return out;
}

std::string ConfigHelpText(size_t width) {
  std::string out;
  for (const auto& row : NodeRows()) {
    const ConfigKey& key = row.key;
    out +=
        "  --" + key.FlagName() + "  (" + key.VariableName() + ", " + key.key + " in the file)\n";
    std::string fallback = key.required ? " Required." : " Default: " + ShownValue(key) + ".";
    AppendWrapped(key.help + RangeText(key) + fallback, "      ", width, &out);
  }
  return out;
}

std::string EffectiveConfigText(const LoadedConfig& loaded) {
  NodeConfig config = loaded.config;
  auto origin = [&](const std::string& key) {
    auto it = loaded.origins.find(key);
    return it == loaded.origins.end() ? std::string("default") : it->second;
  };
  std::string out;
  std::string table;
  auto append = [&](const std::string& name, const std::string& value, const std::string& from) {
    out += absl::StrFormat("%-40s # %s\n", name + " = " + value, from);
  };
  for (const auto& row : NodeRows()) {
    if (TableOf(row.key.key) != table) {
      out += table.empty() ? "" : "\n";
      table = TableOf(row.key.key);
      out += "[" + table + "]\n";
    }
    append(NameOf(row.key.key), ConfigFieldText(row.key, row.field(config)), origin(row.key.key));
  }
  for (size_t i = 0; i < config.peers.size(); ++i) {
    out += "\n[[peers]]\n";
    for (const auto& row : PeerRows()) {
      append(row.key.key, ConfigFieldText(row.key, row.field(config.peers[i])),
             origin(absl::StrCat("peers.", i, ".", row.key.key)));
    }
  }
  return out;
}

}  // namespace vlog::server
