TEST_CASE("Chain: [a, b) is empty", "[chain]") {          // BAD
  SECTION("first; second") {}                             // BAD
  SECTION("ends with a ]") {}                             // BAD
}
TEST_CASE("a\\b") {}                                      // BAD
TEST_CASE(R"(a\b)") {}                                    // BAD
SCENARIO("a swap; and back", "[swap]") {}                 // BAD
TEMPLATE_TEST_CASE("kind [x]", "[kind]", int, long) {}    // BAD
TEST_CASE_METHOD(Fixture, "fixture [x]") {}               // BAD
TEST_CASE(                                                // BAD
    "a long name that goes on"
    " [here]") {}
TEST_CASE("twice") {}
