#include <filesystem>  // BAD
#include <fstream>     // BAD

void F() {
  int a = open("x", 0);               // BAD
  int b = ::open("x", 0);             // BAD
  int c = ::openat(a, "x", 0);        // BAD
  FILE* d = std::fopen("x", "r");     // BAD
  FILE* e = fopen("x", "r");          // BAD
  std::ifstream f("x");               // BAD
  std::ofstream g("x");               // BAD
  std::filesystem::remove("x");       // BAD
  fsync(a);                           // BAD
}
