#include "program.h"

#include <utility>

namespace vlog::bench {

Program::Program(ProgramText text, const std::vector<Group>& groups)
    : text_(std::move(text)), groups_(groups), app_(text_.about) {
  app_.add_option("--dir", settings_.directory,
                  "a folder on the disk to measure; scratch data goes here")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app_.add_option("--only", only_, "only these groups (see --list)")
      ->check(CLI::IsMember(NamesOf(groups_)));
  app_.add_flag("--quick", settings_.quick, text_.quick);
  app_.add_flag("--list", list_, "list the groups");
  app_.footer(text_.examples);
}

bool Program::Parse(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code_ = app_.exit(error) == 0 ? 0 : 2;
    return false;
  }
  return true;
}

int Program::Run() {
  if (!list_) return RunGroups(text_.name, groups_, settings_, only_);
  PrintGroups(groups_);
  return 0;
}

}  // namespace vlog::bench
