// See /home/me/notes. BAD
const char* kPath = "/work/data";  // BAD
