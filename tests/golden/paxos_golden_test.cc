// The scenarios in tests/golden/paxos/: each a story of the protocol, told and checked.
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "golden/paxos_world.h"

namespace vlog::golden {
namespace {

TEST_CASE("Paxos: the golden scenarios happen as they are told") {
  std::vector<std::string> files = FilesOf(GOLDEN_FOLDER "/paxos");
  CHECK(files.size() >= 8);
  for (const std::string& file : files) CHECK(CheckFile(file, NewPaxosWorld) == "");
}

TEST_CASE("Paxos: no golden scenario tells of a broken rule") {
  for (const std::string& file : FilesOf(GOLDEN_FOLDER "/paxos")) {
    std::ifstream in(file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    INFO(file);
    CHECK(text.find("BROKEN") == std::string::npos);
    CHECK(text.find("no such command") == std::string::npos);
  }
}

}  // namespace
}  // namespace vlog::golden
