/* interp_big_line.c - the same under a simulated cache (interp_exec.h). */
#define EXEC_NAME    mips_exec_big_line
#define GUEST_BIG    true
#define LINE_GRANULE 1
#include "mips/interp_exec.h"
