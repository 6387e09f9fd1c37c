// The only file that knows TOML.
//
// The parser (3.3) asserts on some malformed files, "[!]" for one, where it should complain;
// without assertions it takes what they state for granted. So they are kept, and throw.
namespace vlog::server {
struct TomlAssertion {};
constexpr void AssertToml(bool condition) {
  if (!condition) throw TomlAssertion();
}
}  // namespace vlog::server
#undef NDEBUG
#define TOML_ASSERT(condition) ::vlog::server::AssertToml(static_cast<bool>(condition))
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "server/config_loader.h"
#include "server/config_values.h"

namespace vlog::server {
namespace {

constexpr char kPeers[] = "peers";
constexpr size_t kMaxFileBytes = 1 << 20;

std::string TypeName(const toml::node& value) {
  switch (value.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

std::string TableOf(const std::string& key) { return key.substr(0, key.find('.')); }

std::vector<std::string> TableNames() {
  std::set<std::string> names{kPeers};
  for (const auto& row : NodeRows()) names.insert(TableOf(row.key.key));
  return {names.begin(), names.end()};
}

// " (did you mean X?)" for a key that does not exist: by its whole name, else by its last part.
std::string Suggestion(const std::string& key) {
  std::vector<std::string> keys;
  std::vector<std::string> last_parts;
  for (const auto& row : NodeRows()) {
    keys.push_back(row.key.key);
    last_parts.push_back(row.key.key.substr(row.key.key.find('.') + 1));
  }
  std::string last = key.substr(key.rfind('.') + 1);
  auto same = std::find(last_parts.begin(), last_parts.end(), last);
  std::optional<std::string> meant;
  if (same != last_parts.end()) meant = keys[static_cast<size_t>(same - last_parts.begin())];
  if (!meant) meant = ClosestName(key, keys);
  return meant ? "; did you mean " + *meant + "?" : "";
}

}  // namespace

// Walks the parsed file.
class ConfigFile {
 public:
  ConfigFile(ConfigLoader& loader, std::string name) : loader_(loader), name_(std::move(name)) {}

  void Take(const toml::table& root) {
    for (const auto& [key, value] : root) TakeTable(std::string(key.str()), key, value);
  }

  ConfigProblem At(const toml::source_region& source) const {
    ConfigProblem where;
    where.line = static_cast<uint32_t>(source.begin.line);
    where.column = static_cast<uint32_t>(source.begin.column);
    where.place = absl::StrCat(name_, ":", where.line, ":", where.column);
    return where;
  }

 private:
  void TakeTable(const std::string& table, const toml::key& key, const toml::node& value) {
    if (table == kPeers) {
      TakePeers(value);
      return;
    }
    std::vector<std::string> names = TableNames();
    bool known = std::find(names.begin(), names.end(), table) != names.end();
    if (!known && value.is_table()) {
      std::optional<std::string> meant = ClosestName(table, names);
      std::string hint = meant ? "; did you mean [" + *meant + "]?" : "";
      loader_.Report(At(key.source()), "there is no table [" + table + "]" + hint);
    } else if (!known) {
      loader_.Report(At(key.source()), "there is no setting " + table + Suggestion(table));
    } else if (!value.is_table()) {
      loader_.Report(At(value.source()), table + " is a table: write [" + table + "]");
    } else {
      for (const auto& [name, setting] : *value.as_table()) {
        TakeSetting(table + "." + std::string(name.str()), name, setting);
      }
    }
  }

  void TakeSetting(const std::string& full, const toml::key& key, const toml::node& value) {
    for (const auto& row : NodeRows()) {
      if (row.key.key != full) continue;
      std::optional<std::string> text = TextOf(row.key, full, value);
      if (text) loader_.SetNodeKey(row, *text, At(value.source()));
      return;
    }
    loader_.Report(At(key.source()), "there is no setting " + full + Suggestion(full));
  }

  void TakePeers(const toml::node& value) {
    const toml::array* list = value.as_array();
    if (list == nullptr) {
      loader_.Report(At(value.source()), "peers is a list of tables: write [[peers]]");
      return;
    }
    for (const toml::node& entry : *list) {
      if (!entry.is_table()) {
        loader_.Report(At(entry.source()), "a peer is a table: write [[peers]]");
      } else {
        TakePeer(*entry.as_table());
      }
    }
  }

  void TakePeer(const toml::table& table) {
    PeerConfig peer;
    std::string prefix = absl::StrCat(kPeers, ".", loader_.loaded_.config.peers.size(), ".");
    std::set<std::string> given;
    for (const auto& [key, value] : table) TakePeerKey(prefix, key, value, peer, given);
    for (const auto& row : PeerRows()) {
      if (given.contains(row.key.key)) continue;
      loader_.loaded_.origins[prefix + row.key.key] = At(table.source()).place;
      if (!row.key.required) continue;
      loader_.Report(At(table.source()), "this peer has no " + row.key.key + ": add one");
    }
    loader_.loaded_.config.peers.push_back(std::move(peer));
  }

  void TakePeerKey(const std::string& prefix, const toml::key& key, const toml::node& value,
                   PeerConfig& peer, std::set<std::string>& given) {
    std::vector<std::string> names;
    for (const auto& row : PeerRows()) {
      names.push_back(row.key.key);
      if (row.key.key != key.str()) continue;
      given.insert(row.key.key);
      std::optional<std::string> text = TextOf(row.key, "a peer's " + row.key.key, value);
      if (!text) return;
      loader_.loaded_.origins[prefix + row.key.key] = At(value.source()).place;
      Status set = SetConfigField(row.key, *text, row.field(peer));
      if (set.ok()) return;
      loader_.Report(At(value.source()),
                     "a peer's " + row.key.key + ": " + QuotedText(*text) + " " + Message(set));
      return;
    }
    std::optional<std::string> meant = ClosestName(key.str(), names);
    loader_.Report(At(key.source()), "a peer has no " + std::string(key.str()) +
                                         (meant ? "; did you mean " + *meant + "?" : ""));
  }

  // The value as text, if it is of the type that the row wants.
  std::optional<std::string> TextOf(const ConfigKey& key, const std::string& full,
                                    const toml::node& value) {
    bool integer = key.type == ConfigType::kInteger;
    if (integer && value.is_integer()) return std::to_string(value.as_integer()->get());
    if (!integer && value.is_string()) return value.as_string()->get();
    loader_.Report(At(value.source()), full + " must be " + DescribeConfigType(key) + ", " +
                                           (integer ? "without" : "in") + " quotes; this is " +
                                           TypeName(value));
    return std::nullopt;
  }

  ConfigLoader& loader_;
  std::string name_;
};

namespace {

bool Asserts(std::string_view text) {
  try {
    (void)toml::parse(text);
  } catch (const TomlAssertion&) {
    return true;
  } catch (const toml::parse_error&) {
  }
  return false;
}

// The first line at which the parser asserts.
uint32_t LineOfAssertion(std::string_view text) {
  uint32_t line = 1;
  for (size_t end = text.find('\n'); end != std::string_view::npos;
       end = text.find('\n', end + 1)) {
    if (Asserts(text.substr(0, end))) break;
    ++line;
  }
  return line;
}

}  // namespace

void ConfigLoader::TakeFile(const std::string& name, std::string_view text) {
  file_name_ = name;
  ConfigFile file(*this, name);
  ConfigProblem where;
  if (text.size() > kMaxFileBytes) {
    where.place = name;
    Report(std::move(where), absl::StrCat("is longer than ", kMaxFileBytes, " bytes"));
    return;
  }
  try {
    file.Take(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    Report(file.At(error.source()), std::string(error.description()));
  } catch (const TomlAssertion&) {
    where.line = LineOfAssertion(text);
    where.place = absl::StrCat(name, ":", where.line, ":1");
    Report(std::move(where), "this is no TOML: write [table], [[peers]] or name = value");
  }
}

}  // namespace vlog::server
