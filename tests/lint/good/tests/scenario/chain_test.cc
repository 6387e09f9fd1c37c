TEST_CASE("Chain: sealing an empty segment replaces it") {}
