#include "golden/golden.h"

#include <catch2/catch.hpp>

namespace vlog::golden {
namespace {

// Adds numbers: enough of a protocol for the runner itself.
class Adder final : public World {
 public:
  std::vector<std::string> Do(const std::vector<std::string>& words) override {
    sum_ += std::stoi(words.at(1));
    return {"the sum is " + std::to_string(sum_)};
  }

 private:
  int sum_ = 0;
};

constexpr char kText[] =
    "# Two numbers.\n"
    "\n"
    "> add 1\n"
    "    the sum is 1\n"
    "> add 2\n"
    "    the sum is 3\n";

TEST_CASE("Golden traces: a run of an unchanged file gives the same file") {
  Adder adder;
  CHECK(Replay(kText, adder) == kText);
  CHECK(Difference(kText, kText) == "");
}

TEST_CASE("Golden traces: an edited trace fails and the difference is shown") {
  Adder adder;
  std::string edited = kText;
  edited.replace(edited.find("sum is 3"), 8, "sum is 4");
  std::string difference = Difference(edited, Replay(edited, adder));
  CHECK(difference.find("- 6      the sum is 4") != std::string::npos);
  CHECK(difference.find("+ 6      the sum is 3") != std::string::npos);
}

TEST_CASE("Golden traces: a line too many or too few is a difference") {
  Adder first;
  CHECK(Difference(std::string(kText) + "    more\n", Replay(kText, first)) != "");
  Adder second;
  std::string less = std::string(kText).substr(0, std::string(kText).rfind("    the"));
  CHECK(Difference(less, Replay(less, second)) != "");
}

TEST_CASE("Golden traces: what an earlier run wrote does not count, only its commands do") {
  Adder adder;
  CHECK(Replay("# Two numbers.\n\n> add 1\n> add 2\n    nonsense\n", adder) == kText);
}

}  // namespace
}  // namespace vlog::golden
