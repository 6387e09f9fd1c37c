#include <catch2/catch.hpp>

#include "fakes/fake_disk.h"
#include "tests/fakes/fake_disk.h"
#include "virtuallog/chain.h"

using namespace std::chrono_literals;

TEST_CASE("Chain: sealing an empty segment replaces it", "[chain][seal]") {
  SECTION("an \"empty\" one, (a, b), is replaced") {}
  int subscript[2] = {1, 2};
  REQUIRE(subscript[0] == 1);
}

TEMPLATE_TEST_CASE("Chain: any kind", "[chain]", int, (std::pair<int, int>)) {}
// TEST_CASE("Chain: any kind") in a comment is no second one.
const char* kText = "TEST_CASE(\"[a]\")";
