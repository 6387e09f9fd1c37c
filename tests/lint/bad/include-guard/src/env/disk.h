#ifndef VLOG_ENV_DISK_H_
#define VLOG_ENV_DISC_H_  // BAD
#endif
