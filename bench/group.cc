#include "group.h"

#include <algorithm>
#include <cstdio>

#include "report.h"
#include "scratch.h"

namespace vlog::bench {
namespace {

int Fail(const std::string& program, const Status& status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), Message(status).c_str());
  return 1;
}

}  // namespace

int RunGroups(const std::string& program, const std::vector<Group>& groups,
              const Settings& settings, const std::vector<std::string>& only) {
  std::vector<Group> chosen;
  for (const Group& group : groups) {
    bool wanted = only.empty() || std::find(only.begin(), only.end(), group.name) != only.end();
    if (wanted) chosen.push_back(group);
  }
  for (const Group& group : chosen) {
    uint64_t bytes = settings.quick ? group.quick_bytes : group.full_bytes;
    Status space = CheckFreeSpace(settings.directory, bytes, group.name);
    if (!space.ok()) return Fail(program, space);
  }
  PrintHeader();
  for (const Group& group : chosen) {
    Status run = group.run(settings);
    if (!run.ok()) return Fail(program, Annotate(run, group.name));
  }
  return 0;
}

void PrintGroups(const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    std::printf("%-18s %s\n", group.name.c_str(), group.about.c_str());
  }
}

std::vector<std::string> NamesOf(const std::vector<Group>& groups) {
  std::vector<std::string> names;
  for (const Group& group : groups) names.push_back(group.name);
  return names;
}

}  // namespace vlog::bench
