#include "golden/golden.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace vlog::golden {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string At(const std::vector<std::string>& lines, size_t i) {
  return i < lines.size() ? lines[i] : "(the end)";
}

}  // namespace

std::string Replay(const std::string& text, World& world) {
  std::string out;
  for (const std::string& line : Lines(text)) {
    bool command = line.rfind("> ", 0) == 0;
    bool kept = command || line.empty() || line[0] == '#';
    if (!kept) continue;  // what an earlier run wrote
    out += line + "\n";
    if (!command) continue;
    std::istringstream in(line.substr(2));
    std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    if (words.empty()) continue;
    for (const std::string& happened : world.Do(words)) out += "    " + happened + "\n";
  }
  return out;
}

std::string Difference(const std::string& expected, const std::string& actual) {
  if (expected == actual) return "";
  std::vector<std::string> wanted = Lines(expected);
  std::vector<std::string> got = Lines(actual);
  size_t at = 0;
  while (at < wanted.size() && at < got.size() && wanted[at] == got[at]) ++at;
  std::ostringstream out;
  for (size_t i = at < 4 ? 0 : at - 4; i < at; ++i)
    out << "  " << i + 1 << "  " << wanted[i] << "\n";
  for (size_t i = at; i < at + 3; ++i) out << "- " << i + 1 << "  " << At(wanted, i) << "\n";
  for (size_t i = at; i < at + 3; ++i) out << "+ " << i + 1 << "  " << At(got, i) << "\n";
  return out.str();
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string CheckFile(const std::string& path, const NewWorld& new_world) {
  std::ifstream in(path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::unique_ptr<World> world = new_world();
  std::string replayed = Replay(text, *world);
  if (std::getenv("VLOG_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << replayed;
    return "";
  }
  std::string difference = Difference(text, replayed);
  if (difference.empty()) return "";
  return path + " (- as it stands, + as it happened now; VLOG_REWRITE_GOLDEN=1 stores it)\n" +
         difference;
}

}  // namespace vlog::golden
