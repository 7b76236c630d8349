/* interp_little.c - the interpreter for little-endian guests (interp_exec.h).
 */
#define EXEC_NAME mips_exec_little
#define GUEST_BIG false
#include "mips/interp_exec.h"
