// vlog-bench: the embedded log against the disk itself and against peers.
#include <CLI/CLI.hpp>

#include "groups.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Measures the embedded log. Every row is a ratio within one run: ours and the reference "
      "take\n"
      "turns on the same disk, and the ratio is the median over the rounds. All appends are "
      "synced."};
  vlog::bench::Settings settings;
  std::vector<std::string> names = vlog::bench::NamesOf(vlog::bench::Groups());
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
    vlog::bench::PrintGroups(vlog::bench::Groups());
    return 0;
  }
  return vlog::bench::RunGroups("vlog-bench", vlog::bench::Groups(), settings, only);
}
