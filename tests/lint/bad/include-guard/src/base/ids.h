#ifndef BASE_IDS_H  // BAD
#define BASE_IDS_H
#endif
