// Golden traces: a scenario and what comes of it in one readable text file.
//
//   # A comment, for people.
//   > command with arguments
//       what happened then
//       line by line
//
// A run takes the comments and commands of the file, carries the commands out and writes the file
// anew. The test passes if not a character differs. VLOG_REWRITE_GOLDEN=1 in the environment stores
// what came out instead; read the difference before you commit it.
#ifndef VLOG_TESTS_GOLDEN_GOLDEN_H_
#define VLOG_TESTS_GOLDEN_GOLDEN_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vlog::golden {

// What a protocol's tests implement: a small world that understands commands.
class World {
 public:
  virtual ~World() = default;
  // Carries out `words` (at least one). Each line of the result is one thing that happened. A
  // command that it does not know is a line that says so.
  virtual std::vector<std::string> Do(const std::vector<std::string>& words) = 0;
};
using NewWorld = std::function<std::unique_ptr<World>()>;

// The file as a run of its commands makes it.
std::string Replay(const std::string& text, World& world);
// The first lines that differ, with their numbers and what stands before them; "" if none does.
std::string Difference(const std::string& expected, const std::string& actual);
// The files of a folder that end in ".txt", sorted.
std::vector<std::string> FilesOf(const std::string& folder);
// Replays the file; "" if it is as it was or was rewritten, else the difference.
std::string CheckFile(const std::string& path, const NewWorld& new_world);

}  // namespace vlog::golden

#endif  // VLOG_TESTS_GOLDEN_GOLDEN_H_
