#ifndef VLOG_BASE_IDS_H_
#define VLOG_BASE_IDS_H_

using namespace std::chrono_literals;  // BAD

#endif  // VLOG_BASE_IDS_H_
