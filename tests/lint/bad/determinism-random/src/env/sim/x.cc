std::random_device device;           // BAD
int F() { return rand() % 2; }       // BAD
int G() { return std::rand(); }      // BAD
void H() { srand(1); }               // BAD
absl::BitGen generator;              // BAD
