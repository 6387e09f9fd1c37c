TEST_CASE("twice", "[other]") {}  // BAD
