#ifndef VLOG_RPC_FRAME_H_
#define VLOG_RPC_FRAME_H_

#include "rpc/frame.pb.h"

#endif  // VLOG_RPC_FRAME_H_
