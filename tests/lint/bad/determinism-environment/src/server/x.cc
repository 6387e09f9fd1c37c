const char* F() { return std::getenv("HOME"); }  // BAD
const char* G() { return getenv("HOME"); }       // BAD
