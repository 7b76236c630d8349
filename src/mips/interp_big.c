/* interp_big.c - the interpreter for big-endian guests (interp_exec.h). */
#define EXEC_NAME mips_exec_big
#define GUEST_BIG true
#include "mips/interp_exec.h"
