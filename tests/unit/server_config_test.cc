// A node's configuration: what it takes, what it refuses and how it says so, and that the table,
// the documentation and the parser are the same.
#include "server/config.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "server/config_keys.h"
#include "server/config_values.h"

namespace vlog::server {
namespace {

using std::chrono::milliseconds;

StatusOr<LoadedConfig> Load(std::string text, std::map<std::string, std::string> environment = {},
                            std::map<std::string, std::string> flags = {}) {
  ConfigInput input;
  input.file_name = "n.toml";
  input.file_text = std::move(text);
  input.environment = std::move(environment);
  input.flags = std::move(flags);
  return LoadNodeConfig(input);
}

// The complaint about a file that must not be taken.
std::string Complaint(std::string text, std::map<std::string, std::string> environment = {},
                      std::map<std::string, std::string> flags = {}) {
  StatusOr<LoadedConfig> loaded = Load(std::move(text), std::move(environment), std::move(flags));
  if (loaded.ok()) return "it was taken";
  CHECK(absl::IsInvalidArgument(loaded.status()));
  return Message(loaded.status());
}

const std::string kLeast = "[node]\nid = 1\n";

std::string DocumentedConfig() {
  std::ifstream file(NODE_TOML_PATH);
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// --- The table, the documentation, the parser
// -----------------------------------------------------

TEST_CASE("Config: docs/node.toml is what the table says") {
  CHECK(DocumentedConfig() == ExampleConfigText());
}

TEST_CASE("Config: docs/node.toml names every key once, and loading it gives the defaults") {
  StatusOr<LoadedConfig> documented = Load(DocumentedConfig());
  REQUIRE(documented.ok());
  StatusOr<LoadedConfig> defaults = Load(kLeast);
  REQUIRE(defaults.ok());
  // Every key came from the file, so the file has every key; the parser refuses any other and TOML
  // any that stands there twice.
  for (const auto& row : NodeRows()) {
    CAPTURE(row.key.key);
    std::string origin = documented->origins.at(row.key.key);
    CHECK((origin.rfind("n.toml:", 0) == 0 || origin.rfind("derived from", 0) == 0));
    std::string from_file = ConfigFieldText(row.key, row.field(documented->config));
    CHECK(from_file == ConfigFieldText(row.key, row.field(defaults->config)));
  }
  REQUIRE(documented->config.peers.size() == 1);
  for (const auto& row : PeerRows()) {
    CHECK(documented->origins.contains("peers.0." + row.key.key));
  }
}

TEST_CASE("Config: each setting has a name, a range that holds its default, and a full sentence") {
  std::set<std::string> names;
  for (const auto& row : NodeRows()) {
    CAPTURE(row.key.key);
    CHECK(names.insert(row.key.FlagName()).second);
    CHECK(names.insert(row.key.VariableName()).second);
    CHECK(std::count(row.key.key.begin(), row.key.key.end(), '.') == 1);
    CHECK(row.key.help.back() == '.');
    NodeConfig config;
    const std::string& shown = row.key.required ? row.key.example : row.key.fallback;
    CHECK(SetConfigField(row.key, shown, row.field(config)).ok());
    CHECK(ConfigHelpText().find("--" + row.key.FlagName() + "  (" + row.key.VariableName()) !=
          std::string::npos);
  }
}

TEST_CASE("Config: every field of the structure has a row of its own") {
  // Two rows that write one field, or a field that no row writes, would show here.
  NodeConfig config;
  std::set<void*> fields;
  for (const auto& row : NodeRows()) {
    std::visit([&](auto* field) { CHECK(fields.insert(field).second); }, row.field(config));
  }
  size_t bytes = 0;
  for (const auto& row : NodeRows()) {
    std::visit([&](auto* field) { bytes += sizeof *field; }, row.field(config));
  }
  CHECK(bytes == sizeof(NodeConfig) - sizeof config.peers);
}

TEST_CASE("Config: help lines keep to the width") {
  for (size_t width : {60, 80, 100}) {
    std::istringstream help(ConfigHelpText(width));
    std::string line;
    int wrapped = 0;
    while (std::getline(help, line)) {
      if (line.rfind("      ", 0) != 0) continue;
      ++wrapped;
      CHECK(line.size() <= width);
    }
    CHECK(wrapped > 30);
  }
}

// --- Precedence
// -----------------------------------------------------------------------------------

TEST_CASE("Config: a flag beats a variable, which beats the file, which beats the default") {
  std::string file = kLeast + "[timeouts]\nkeep_alive = \"50ms\"\n";
  std::map<std::string, std::string> environment{{"VLOG_TIMEOUTS_KEEP_ALIVE", "60ms"}};
  std::map<std::string, std::string> flags{{"timeouts-keep-alive", "70ms"}};
  auto keep_alive = [](const StatusOr<LoadedConfig>& loaded) {
    REQUIRE(loaded.ok());
    return std::pair(loaded->config.timeouts.keep_alive, loaded->origins.at("timeouts.keep_alive"));
  };
  CHECK(keep_alive(Load(kLeast)) == std::pair<Duration, std::string>(milliseconds(100), "default"));
  CHECK(keep_alive(Load(file)) ==
        std::pair<Duration, std::string>(milliseconds(50), "n.toml:4:14"));
  CHECK(keep_alive(Load(file, environment)) ==
        std::pair<Duration, std::string>(milliseconds(60), "VLOG_TIMEOUTS_KEEP_ALIVE"));
  CHECK(keep_alive(Load(file, environment, flags)) ==
        std::pair<Duration, std::string>(milliseconds(70), "--timeouts-keep-alive"));
  CHECK(keep_alive(Load(kLeast, environment)).first == milliseconds(60));
}

TEST_CASE("Config: every key can be set by variable and by flag alone") {
  for (const auto& row : NodeRows()) {
    CAPTURE(row.key.key);
    ConfigInput input;
    input.flags["node-id"] = "7";
    const std::string& shown = row.key.required ? row.key.example : row.key.fallback;
    input.flags[row.key.FlagName()] = shown;
    StatusOr<LoadedConfig> by_flag = LoadNodeConfig(input);
    REQUIRE(by_flag.ok());
    input.flags.erase(row.key.FlagName());
    input.environment["VLOG_NODE_ID"] = "7";
    input.environment[row.key.VariableName()] = shown;
    StatusOr<LoadedConfig> by_variable = LoadNodeConfig(input);
    REQUIRE(by_variable.ok());
    CHECK(ConfigFieldText(row.key, row.field(by_flag->config)) ==
          ConfigFieldText(row.key, row.field(by_variable->config)));
  }
}

TEST_CASE("Config: what is in force can be loaded again, and says where each value came from") {
  std::string file =
      "[node]\nid = 3\n[network]\nlisten = \"0.0.0.0:9\"\nadvertise = \"db3:9\"\n"
      "[[peers]]\nid = 1\naddress = \"db1:9\"\n[[peers]]\nid = 3\naddress = \"db3:9\"\n"
      "[[peers]]\nid = 2\nname = \"two\"\naddress = \"[::1]:9\"\n";
  StatusOr<LoadedConfig> loaded =
      Load(file, {{"VLOG_LOGGING_LEVEL", "debug"}}, {{"node-data-dir", "a \"b\\c\" d"}});
  REQUIRE(loaded.ok());
  std::string text = EffectiveConfigText(*loaded);
  CAPTURE(text);
  auto has_line = [&](const std::string& value, const std::string& origin) {
    size_t at = text.find("\n" + value + " ");
    if (at == std::string::npos) return false;
    std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    return line.substr(line.find("# ")) == "# " + origin;
  };
  CHECK(has_line("id = 3", "n.toml:2:6"));
  CHECK(has_line("level = \"debug\"", "VLOG_LOGGING_LEVEL"));
  CHECK(has_line("data_dir = \"a \\\"b\\\\c\\\" d\"", "--node-data-dir"));
  CHECK(has_line("name = \"node-3\"", "derived from node.id"));
  CHECK(has_line("write_quorum = 2", "derived from new_logs.replicas"));
  CHECK(has_line("record = \"1MiB\"", "default"));
  CHECK(has_line("address = \"[::1]:9\"", "n.toml:15:11"));
  CHECK(has_line("name = \"two\"", "n.toml:14:8"));
  StatusOr<LoadedConfig> again = Load(text);
  REQUIRE(again.ok());
  for (const auto& row : NodeRows()) {
    CHECK(ConfigFieldText(row.key, row.field(again->config)) ==
          ConfigFieldText(row.key, row.field(loaded->config)));
  }
  REQUIRE(again->config.peers.size() == 2);
  CHECK(again->config.peers[1].id == NodeId(2));
  CHECK(again->config.peers[0].name == "node-1");
}

// --- Bad input
// ------------------------------------------------------------------------------------

TEST_CASE("Config: a key that does not exist is refused with its place and what was meant") {
  struct Case {
    const char* text;
    const char* complaint;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"[timeouts]\nkeepalive = \"1s\"\n",
            "n.toml:4:1: there is no setting timeouts.keepalive; did you mean "
            "timeouts.keep_alive?"},
           {"[timeouts]\nkeep-alive = \"1s\"\n", "did you mean timeouts.keep_alive?"},
           {"[timeout]\nkeep_alive = \"1s\"\n",
            "n.toml:3:2: there is no table [timeout]; did you mean [timeouts]?"},
           {"[network]\nsegment_size = \"8MiB\"\n", "did you mean storage.segment_size?"},
           {"[limits]\nbananas = 1\n", "n.toml:4:1: there is no setting limits.bananas"},
           {"[storage]\nsegment_size.x = \"8MiB\"\n", "must be a size from 4MiB to 4GiB"},
           {"[[peers]]\nid = 2\nadress = \"a:1\"\naddress = \"a:1\"\n",
            "n.toml:5:1: a peer has no adress; did you mean address?"},
           {"[[network]]\nlisten = \"a:1\"\n", "network is a table: write [network]"},
           {"[peers]\nid = 2\n", "peers is a list of tables: write [[peers]]"},
           {"[[peer]]\nid = 2\n", "there is no setting peer"},
       }) {
    CAPTURE(c.text);
    std::string complaint = Complaint(kLeast + c.text);
    CAPTURE(complaint);
    CHECK(complaint.find(c.complaint) != std::string::npos);
  }
  // Nothing is guessed where nothing is near.
  CHECK(Complaint(kLeast + "[limits]\nbananas = 1\n").find("mean") == std::string::npos);
  CHECK(Complaint("id = 1\n") ==
        "n.toml:1:1: there is no setting id; did you mean node.id?\n"
        "n.toml: node.id is not set: write it into the file, or give --node-id or VLOG_NODE_ID");
}

TEST_CASE("Config: a value of another type or out of range is refused with what to write") {
  struct Case {
    const char* text;
    const char* complaint;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"[timeouts]\nkeep_alive = 100\n",
            "n.toml:4:14: timeouts.keep_alive must be a duration from 1ms to 1h, in quotes; this "
            "is a whole number"},
           {"[timeouts]\nkeep_alive = \"100\"\n", "(the unit is missing)"},
           {"[timeouts]\nkeep_alive = \"1.5s\"\n", "\"1.5s\" is not a duration like \"500ms\""},
           {"[timeouts]\nkeep_alive = \"-1s\"\n", "\"-1s\" is not a duration"},
           {"[timeouts]\nkeep_alive = \"1 s\"\n", "\"1 s\" is not a duration"},
           {"[timeouts]\nkeep_alive = \"0s\"\n", "is not a duration from 1ms to 1h"},
           {"[timeouts]\nkeep_alive = \"99999999999999h\"\n", "is too large"},
           {"[limits]\nconnections = \"many\"\n",
            "must be a whole number from 8 to 1000000, without quotes; this is a text"},
           {"[limits]\nconnections = -1\n", "\"-1\" is not a whole number"},
           {"[limits]\nconnections = 7\n", "\"7\" is not a whole number from 8 to 1000000"},
           {"[limits]\nconnections = 1e3\n", "this is a number with a point"},
           {"[limits]\nconnections = true\n", "this is true or false"},
           {"[limits]\nrecord = \"1MB\"\n", "one of B, KiB, MiB, GiB"},
           {"[limits]\nrecord = [\"1MiB\"]\n", "this is a list"},
           {"[limits]\nrecord = \"1GiB\"\n", "is not a size from 1KiB to 64MiB"},
           {"[limits]\nframe = \"99999999999GiB\"\n", "is too large"},
           {"[logging]\nlevel = \"warn\"\n", "did you mean \"warning\"?"},
           {"[logging]\nlevel = \"\"\n",
            "is not \"debug\" or \"info\" or \"warning\" or \"error\""},
           {"[network]\nlisten = \"7400\"\n", "is not an address: HOST:PORT"},
           {"[network]\nlisten = \"\"\n", "is not an address"},
           {"[network]\nlisten = \"a:70000\"\n", "is not an address"},
           {"[network]\nlisten = \"::1:80\"\n", "is not an address"},
           {"[network]\nadvertise = \"a:0\"\n", "is not an address that others can connect to"},
           {"[network]\nadvertise = \"0.0.0.0:1\"\n", "others can connect to"},
           {"[cluster]\nid = \"12\"\n", "\"12\" is not an id: 16 hexadecimal digits"},
           {"[cluster]\nid = \"0000000000000000\"\n", "zero names no cluster"},
           {"[cluster]\nname = \"a b\"\n", "\"a b\" is not a name"},
           {"[cluster]\nname = \"\"\n", "is not a name"},
           {"[storage]\nsegment_size = \"1MiB\"\n", "is not a size from 4MiB to 4GiB"},
           {"[[peers]]\nid = 0\naddress = \"a:1\"\n", "a peer's id: \"0\" is not a whole number"},
           {"[[peers]]\naddress = \"a:1\"\n", "n.toml:3:1: this peer has no id: add one"},
           {"[[peers]]\nid = 2\n", "this peer has no address: add one"},
       }) {
    CAPTURE(c.text);
    std::string complaint = Complaint(kLeast + c.text);
    CAPTURE(complaint);
    CHECK(complaint.find(c.complaint) != std::string::npos);
    CHECK(complaint.rfind("n.toml:", 0) == 0);
  }
}

TEST_CASE("Config: settings that do not go together are refused at their origin") {
  struct Case {
    const char* text;
    const char* complaint;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"[timeouts]\nkeep_alive = \"200ms\"\n", "default: timeouts.suspect_min is \"300ms\""},
           {"[timeouts]\nsuspect_min = \"4s\"\n", "default: timeouts.suspect_max is \"3s\""},
           {"[limits]\nrecord = \"8MiB\"\n", "default: limits.frame is \"8MiB\", less than"},
           {"[limits]\nframe = \"512MiB\"\n", "default: limits.in_flight is \"256MiB\""},
           {"[limits]\nrecord = \"4MiB\"\n[storage]\nsegment_size = \"8MiB\"\n",
            "n.toml:6:16: storage.segment_size is \"8MiB\", less than four times"},
           {"[new_logs]\nreplicas = 3\nwrite_quorum = 4\n",
            "n.toml:5:16: new_logs.write_quorum is 4, more than the 3"},
           {"[network]\nlisten = \"0.0.0.0:1\"\n",
            "n.toml:4:10: network.listen is 0.0.0.0:1, which others cannot connect to"},
           {"[network]\nlisten = \"[::]:1\"\n", "which others cannot connect to"},
           {"[network]\nlisten = \"127.0.0.1:7480\"\n",
            "default: network.http is the same as network.listen"},
           {"[[peers]]\nid = 2\naddress = \"a:1\"\n[[peers]]\nid = 2\naddress = \"b:1\"\n",
            "n.toml:7:6: peers.1.id is 2 again, after n.toml:4:6"},
           {"[[peers]]\nid = 2\naddress = \"a:1\"\n[[peers]]\nid = 3\naddress = \"a:1\"\n",
            "n.toml:8:11: peers.1.address is a:1, the address of the peer 2"},
           {"[[peers]]\nid = 2\naddress = \"127.0.0.1:7400\"\n", "the address of this node"},
           {"[[peers]]\nid = 1\naddress = \"a:1\"\n",
            "n.toml:5:11: peers.0.address is a:1 for this node (node.id 1), whose "
            "network.advertise is 127.0.0.1:7400"},
           {"[[peers]]\nid = 2\nname = \"x\"\naddress = \"a:1\"\n[[peers]]\nid = 3\nname = "
            "\"x\"\naddress = \"b:1\"\n",
            "n.toml:9:8: peers.1.name is x, the name of the peer 2"},
       }) {
    CAPTURE(c.text);
    std::string complaint = Complaint(kLeast + c.text);
    CAPTURE(complaint);
    CHECK(complaint.find(c.complaint) != std::string::npos);
    CHECK(std::count(complaint.begin(), complaint.end(), '\n') == 0);
  }
}

TEST_CASE("Config: malformed files are refused with their place, whatever is in them") {
  for (std::string text :
       {std::string("[node\nid = 1\n"), std::string("id = \n"), kLeast + "id = 2\n",
        kLeast + "[node]\nname = \"a\"\n", std::string("\xff\xfe\x00", 3),
        std::string("a = \"\0\"", 7), std::string("a = \"\x80\""),
        "a = " + std::string(100'000, '['), std::string(100'000, '.'),
        std::string("[node]\nid = 99999999999999999999999\n")}) {
    CAPTURE(text.substr(0, 40));
    std::string complaint = Complaint(text);
    CAPTURE(complaint.substr(0, 400));
    CHECK(complaint.rfind("n.toml:", 0) == 0);
  }
  CHECK(Complaint("[node]\nid = 1\nid = 2\n").rfind("n.toml:3:", 0) == 0);
  CHECK(Complaint("# one\n[node]\nid = 1\n[!]\n").rfind("n.toml:4:1: this is no TOML", 0) == 0);
  CHECK(Complaint(std::string(2'000'000, '#')).find("is longer than") != std::string::npos);
}

TEST_CASE(
    "Config: every prefix and every flipped byte of the documented file is taken or refused") {
  std::string whole = DocumentedConfig();
  int refused = 0;
  for (size_t at = 0; at < whole.size(); at += 7) {
    (void)Load(whole.substr(0, at));
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    refused += !Load(flipped).ok();
  }
  CHECK(refused > 50);
}

TEST_CASE("Config: all mistakes are told at once, those of the file in its order") {
  std::string complaint =
      Complaint("[storage]\nsegment_size = 1\n[node]\nid = \"1\"\nnmae = \"a\"\n",
                {{"VLOG_LIMITS_RECORD", "x"}}, {{"node-nam", "a"}, {"limits-frame", "1"}});
  std::istringstream lines(complaint);
  std::vector<std::string> places;
  for (std::string line; std::getline(lines, line);)
    places.push_back(line.substr(0, line.find(": ")));
  CHECK(places == std::vector<std::string>{"n.toml:2:16", "n.toml:4:6", "n.toml:5:1",
                                           "VLOG_LIMITS_RECORD", "--limits-frame", "--node-nam"});
  CHECK(complaint.find("there is no such flag; did you mean --node-name?") != std::string::npos);
}

TEST_CASE("Config: a variable that is no setting is only told, and others are not looked at") {
  StatusOr<LoadedConfig> loaded =
      Load(kLeast + "[new_logs]\nreplicas = 1\n",
           {{"VLOG_NODE_NAM", "x"}, {"VLOG_SERVICE_PORT_WEB", "tcp://10.0.0.1"}, {"PATH", "/bin"}});
  REQUIRE(loaded.ok());
  REQUIRE(loaded->warnings.size() == 2);
  CHECK(loaded->warnings[0] ==
        "the environment variable VLOG_NODE_NAM is no setting; did you mean VLOG_NODE_NAME?");
  CHECK(Load(kLeast)->warnings.size() == 1);  // three replicas on one node
}

TEST_CASE("Config: the cluster id has one spelling") {
  StatusOr<LoadedConfig> loaded = Load(kLeast + "[cluster]\nid = \"00000000DEADBEEF\"\n");
  REQUIRE(loaded.ok());
  CHECK(loaded->config.cluster.id == "00000000deadbeef");
  CHECK(ConfiguredCluster(loaded->config) == ClusterId(0xdeadbeef));
  CHECK_FALSE(ConfiguredCluster(Load(kLeast)->config).has_value());
}

TEST_CASE("Config: durations and sizes are written as they are read") {
  for (const char* text :
       {"0s", "1ns", "999ns", "1us", "1500ms", "1s", "1min", "90s", "1h", "25h"}) {
    CHECK(DurationText(*ParseDuration(text)) == text);
  }
  for (const char* text : {"0B", "1B", "1023B", "1KiB", "1025B", "64MiB", "3GiB", "1536KiB"}) {
    CHECK(SizeText(*ParseSize(text)) == text);
  }
  CHECK(DurationText(*ParseDuration("60000ms")) == "1min");
  CHECK(*ParseDuration("9223372036854775807ns") == Duration::max());
  CHECK_FALSE(ParseDuration("9223372036854775808ns").ok());
  CHECK(*ParseSize("18446744073709551615B") == UINT64_MAX);
  CHECK_FALSE(ParseSize("18446744073709551616B").ok());
  CHECK_FALSE(ParseSize("17179869184GiB").ok());
  for (const char* text : {"", "s", "1", "1S", "1sec", "1s ", " 1s", "+1s", "0x1s"}) {
    CHECK_FALSE(ParseDuration(text).ok());
  }
}

TEST_CASE("Config: a name is guessed only where it is near") {
  std::vector<std::string> names{"listen", "advertise", "http"};
  CHECK(ClosestName("lisen", names) == "listen");
  CHECK(ClosestName("lsiten", names) == "listen");
  CHECK(ClosestName("LISTEN", names) == "listen");
  CHECK(ClosestName("advertize", names) == "advertise");
  CHECK_FALSE(ClosestName("banana", names).has_value());
  CHECK_FALSE(ClosestName("", names).has_value());
  CHECK_FALSE(ClosestName(std::string(100'000, 'l'), names).has_value());
}

}  // namespace
}  // namespace vlog::server
