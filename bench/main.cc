// vlog-bench: the embedded log against the disk itself and against peers.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "groups.h"
#include "report.h"
#include "scratch.h"

namespace {

using vlog::bench::Group;
using vlog::bench::Groups;
using vlog::bench::Settings;

int Fail(const vlog::Status& status) {
  std::fprintf(stderr, "vlog-bench: %s\n", vlog::Message(status).c_str());
  return 1;
}

int RunGroups(const Settings& settings, const std::vector<std::string>& only) {
  auto chosen = [&](const Group& group) {
    return only.empty() || std::find(only.begin(), only.end(), group.name) != only.end();
  };
  for (const Group& group : Groups()) {
    if (!chosen(group)) continue;
    uint64_t bytes = settings.quick ? group.quick_bytes : group.full_bytes;
    vlog::Status space = vlog::bench::CheckFreeSpace(settings.directory, bytes, group.name);
    if (!space.ok()) return Fail(space);
  }
  vlog::bench::PrintHeader();
  for (const Group& group : Groups()) {
    if (!chosen(group)) continue;
    vlog::Status run = group.run(settings);
    if (!run.ok()) return Fail(vlog::Annotate(run, group.name));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Measures the embedded log. Every row is a ratio within one run: ours and the reference "
      "take\n"
      "turns on the same disk, and the ratio is the median over the rounds. All appends are "
      "synced."};
  Settings settings;
  settings.directory = ".";
  std::vector<std::string> names;
  for (const Group& group : Groups()) names.push_back(group.name);
  std::vector<std::string> only;
  bool list = false;
  app.add_option("--dir", settings.directory,
                 "a folder on the disk to measure; scratch data goes here")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--only", only, "only these groups (see --list)")->check(CLI::IsMember(names));
  app.add_flag("--quick", settings.quick, "small sizes: less than two minutes in all");
  app.add_flag("--list", list, "list the groups");
  app.footer("Examples:\n  vlog-bench --quick\n  vlog-bench --only latency --only many --dir DIR");

  // What the start-up group runs as processes of their own.
  std::string directory;
  uint64_t records = 0;
  bool close = false;
  CLI::App* probe = app.add_subcommand("startup-probe", "")->group("");
  probe->add_option("directory", directory)->required();
  CLI::App* fill = app.add_subcommand("startup-fill", "")->group("");
  fill->add_option("directory", directory)->required();
  fill->add_option("records", records)->required();
  fill->add_flag("--close", close);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (probe->parsed()) return vlog::bench::ProbeStartup(directory);
  if (fill->parsed()) return vlog::bench::FillLog(directory, records, close);
  if (list) {
    for (const Group& group : Groups()) {
      std::printf("%-16s %s\n", group.name.c_str(), group.about.c_str());
    }
    return 0;
  }
  return RunGroups(settings, only);
}
