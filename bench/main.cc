// vlog-bench: the embedded log against the disk itself and against peers.
#include "groups.h"
#include "program.h"

int main(int argc, char** argv) {
  vlog::bench::ProgramText text;
  text.name = "vlog-bench";
  text.about =
      "Measures the embedded log. Every row is a ratio within one run: ours and the reference "
      "take\n"
      "turns on the same disk, and the ratio is the median over the rounds. All appends are "
      "synced.";
  text.quick = "small sizes: less than two minutes in all";
  text.examples =
      "Examples:\n  vlog-bench --quick\n  vlog-bench --only latency --only many --dir DIR";
  vlog::bench::Program program(std::move(text), vlog::bench::Groups());

  // What the start-up group runs as processes of their own.
  std::string directory;
  uint64_t records = 0;
  bool close = false;
  CLI::App* probe = program.app().add_subcommand("startup-probe", "")->group("");
  probe->add_option("directory", directory)->required();
  CLI::App* fill = program.app().add_subcommand("startup-fill", "")->group("");
  fill->add_option("directory", directory)->required();
  fill->add_option("records", records)->required();
  fill->add_flag("--close", close);
  if (!program.Parse(argc, argv)) return program.exit_code();
  if (probe->parsed()) return vlog::bench::ProbeStartup(directory);
  if (fill->parsed()) return vlog::bench::FillLog(directory, records, close);
  return program.Run();
}
