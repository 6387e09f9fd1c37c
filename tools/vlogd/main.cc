// vlogd: one node of a cluster. Only this file knows CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "program.h"
#include "server/config.h"
#include "server/config_keys.h"

extern char** environ;

namespace vlog::vlogd {
namespace {

constexpr char kHelpHead[] =
    "vlogd runs one node of a VirtualLog cluster.\n"
    "\n"
    "Usage: vlogd [--config FILE] [settings]            run the node until SIGTERM or SIGINT\n"
    "       vlogd [--config FILE] [settings] --init     format its data directory, once\n"
    "       vlogd [--config FILE] [settings] --check-config\n"
    "                                                   print what is in force and where it\n"
    "                                                   comes from; changes nothing\n"
    "       vlogd --help | --version\n"
    "\n"
    "Three nodes on one machine, in one folder each. --init prints the id of the cluster; the\n"
    "first node makes it, the others are told:\n"
    "\n"
    "  mkdir v\n"
    "  id=$(vlogd --init --node-id 1 --node-data-dir v/1)\n"
    "  vlogd --init --node-id 2 --node-data-dir v/2 --cluster-id $id\n"
    "  vlogd --init --node-id 3 --node-data-dir v/3 --cluster-id $id\n"
    "\n"
    "All nodes share one file that says where they are:\n"
    "\n"
    "  printf '[[peers]]\\nid = %d\\naddress = \"127.0.0.1:740%d\"\\n' 1 1 2 2 3 3 > v/nodes.toml\n"
    "\n"
    "A new cluster begins when all of them have been started; later, most of them suffice:\n"
    "\n"
    "  for n in 1 2 3; do\n"
    "    vlogd --config v/nodes.toml --node-id $n --node-data-dir v/$n \\\n"
    "          --network-listen 127.0.0.1:740$n --network-http 127.0.0.1:748$n &\n"
    "  done\n"
    "  curl http://127.0.0.1:7481/healthz      # also /status, /metrics\n"
    "\n"
    "Exit codes: 0 stopped in good order, 1 failed (the log says why), 2 wrong arguments or\n"
    "configuration. A second signal ends the process at once; nothing acknowledged is lost.\n"
    "\n"
    "Settings. A flag beats its environment variable, which beats the file, which beats the\n"
    "default. Peers stand only in the file; docs/node.toml shows all of it.\n"
    "\n";

// CLI11 takes an empty value for a missing one; "" turns a setting off.
constexpr char kEmptyStandIn[] = "\x01";

struct Arguments {
  std::string config_file;
  std::map<std::string, std::string> flags;
  bool init = false;
  bool check_config = false;
  bool help = false;
  bool version = false;
};

int Complain(const std::string& what) {
  std::fprintf(stderr, "vlogd: %s\n", what.c_str());
  return kUsage;
}

void Declare(CLI::App* app, Arguments* arguments) {
  app->set_help_flag();
  app->add_flag("-h,--help", arguments->help);
  app->add_flag("--version", arguments->version);
  app->add_flag("--init", arguments->init);
  app->add_flag("--check-config", arguments->check_config);
  // Of a flag that is given twice the last one counts, so that scripts can add to what they got.
  auto last = CLI::MultiOptionPolicy::TakeLast;
  app->add_option("--config", arguments->config_file)->multi_option_policy(last);
  for (const auto& row : server::NodeRows()) {
    std::string name = row.key.FlagName();
    auto take = [arguments, name](const std::string& text) {
      arguments->flags[name] = text == kEmptyStandIn ? "" : text;
    };
    app->add_option_function<std::string>("--" + name, take)->multi_option_policy(last);
  }
}

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    std::string text = *each;
    size_t equals = text.find('=');
    if (text.rfind("VLOG_", 0) != 0 || equals == std::string::npos) continue;
    variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

StatusOr<server::LoadedConfig> Load(const Arguments& arguments) {
  server::ConfigInput input;
  input.flags = arguments.flags;
  input.environment = Environment();
  if (!arguments.config_file.empty()) {
    std::ifstream file(arguments.config_file);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
      return absl::InvalidArgumentError("cannot read the configuration " + arguments.config_file);
    }
    input.file_name = arguments.config_file;
    input.file_text = text.str();
  }
  return server::LoadNodeConfig(input);
}

int Run(const Arguments& arguments) {
  if (arguments.help) {
    std::printf("%s%s", kHelpHead, server::ConfigHelpText().c_str());
    return kGood;
  }
  if (arguments.version) {
    std::printf("vlogd %s\n", VLOG_VERSION);
    return kGood;
  }
  if (arguments.init && arguments.check_config) {
    return Complain("--init and --check-config are two different things; give one of them");
  }
  StatusOr<server::LoadedConfig> loaded = Load(arguments);
  if (!loaded.ok()) {
    return Complain(Message(loaded.status()) +
                    "\n  'vlogd --help' lists the settings and shows how to begin");
  }
  if (arguments.check_config) {
    for (const std::string& warning : loaded->warnings) Complain("warning: " + warning);
    std::printf("%s", server::EffectiveConfigText(*loaded).c_str());
    return kGood;
  }
  return arguments.init ? FormatNode(loaded->config) : RunNode(*loaded);
}

// The arguments as CLI11 wants them: the last one first.
std::vector<std::string> Words(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  for (std::string& word : words) {
    bool ends_empty = word.rfind("--", 0) == 0 && word.back() == '=';
    if (word.empty() || ends_empty) word += kEmptyStandIn;
  }
  std::reverse(words.begin(), words.end());
  return words;
}

int Main(int argc, char** argv) {
  CLI::App app;
  app.name("vlogd");
  Arguments arguments;
  Declare(&app, &arguments);
  try {
    app.parse(Words(argc, argv));
  } catch (const CLI::ParseError& error) {
    return Complain(std::string(error.what()) +
                    "\n  'vlogd --help' lists the flags and shows how to begin");
  }
  return Run(arguments);
}

}  // namespace
}  // namespace vlog::vlogd

int main(int argc, char** argv) { return vlog::vlogd::Main(argc, argv); }
