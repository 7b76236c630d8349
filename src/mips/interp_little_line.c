/* interp_little_line.c - the same under a simulated cache (interp_exec.h). */
#define EXEC_NAME    mips_exec_little_line
#define GUEST_BIG    false
#define LINE_GRANULE 1
#include "mips/interp_exec.h"
