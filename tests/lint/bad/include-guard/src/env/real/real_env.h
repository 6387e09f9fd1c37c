// The guard was copied from another header.
#ifndef VLOG_ENV_REAL_ENV_H_  // BAD
#define VLOG_ENV_REAL_ENV_H_
#endif
