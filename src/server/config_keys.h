// The one table of all settings of a node. A setting exists exactly if it has a row here.
#ifndef VLOG_SERVER_CONFIG_KEYS_H_
#define VLOG_SERVER_CONFIG_KEYS_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config.h"

namespace vlog::server {

enum class ConfigType {
  kName,  // letters, digits, '.', '_' and '-', at most 64; "" where `optional`
  kPath,  // any file name
  kInteger,
  kSize,      // text: "64MiB"
  kDuration,  // text: "500ms"
  kAddress,   // text: "HOST:PORT"; "" where `optional`
  kHexId,     // text: 16 hexadecimal digits, not all zero; "" where `optional`
  kChoice,    // text: one of `choices`
};

// What a row says about a value, whoever owns it.
struct ConfigKey {
  std::string key;  // "timeouts.keep_alive": table and name in the file
  ConfigType type;
  std::string fallback;  // the default, as text; ignored if `required`
  std::string help;      // full sentences
  // kInteger; kSize: bytes; kDuration: nanoseconds. kAddress: above zero, others must be able to
  // connect to it.
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;  // inclusive
  std::vector<std::string> choices;
  bool required = false;
  bool optional = false;  // "" is allowed
  std::string example;    // shown in docs/node.toml instead of a default

  // "timeouts-keep-alive", without the dashes in front.
  std::string FlagName() const;
  // "VLOG_TIMEOUTS_KEEP_ALIVE".
  std::string VariableName() const;
};

// Where a value goes; the alternative fits the type of the row.
using ConfigField = std::variant<std::string*, uint64_t*, Duration*, NodeId*>;

template <typename Owner>
struct ConfigRow {
  ConfigKey key;
  ConfigField (*field)(Owner&);
};

const std::vector<ConfigRow<NodeConfig>>& NodeRows();
// The keys of one [[peers]] table.
const std::vector<ConfigRow<PeerConfig>>& PeerRows();

// Parses `text` into `field`. kInvalidArgument says what is wrong with the value and what to write
// instead, without naming the key.
Status SetConfigField(const ConfigKey& key, std::string_view text, ConfigField field);
// What a TOML file says for the field's value: quoted where it is no integer.
std::string ConfigFieldText(const ConfigKey& key, ConfigField field);
// "integer from 1 to 9", "duration from 10ms to 1min", ...
std::string DescribeConfigType(const ConfigKey& key);

}  // namespace vlog::server

#endif  // VLOG_SERVER_CONFIG_KEYS_H_
