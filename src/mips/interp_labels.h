/*
 * interp_labels.h - LABEL_REF(op) for every operation; for interp_exec.h.
 */
/* clang-format off */
#define FUSED_REF(branch, meaning, form) \
    LABEL_REF(branch##_F_##meaning##_##form)
LABEL_REF(DECODE)
LABEL_REF(FUSED)
LABEL_REF(PAGE_END)
LABEL_REF(EDGE)
#define UOP_ALU(name, ...) LABEL_REF(name##_R) LABEL_REF(name##_I)
#define UOP_OVF(name, ...) LABEL_REF(name##_R) LABEL_REF(name##_I)
#define UOP_BR(name, ...)                                                 \
    LABEL_REF(name##_PN)                                                  \
    LABEL_REF(name##_PS) LABEL_REF(name##_XN) LABEL_REF(name##_XS)        \
        LABEL_REF(name##_PNL) LABEL_REF(name##_PSL) LABEL_REF(name##_XNL) \
            LABEL_REF(name##_XSL) FUSED_SLOTS(FUSED_REF, name)
#define UOP_TRAP(name, ...)  LABEL_REF(name##_R) LABEL_REF(name##_I)
#define UOP_LOAD(name, ...)  LABEL_REF(name)
#define UOP_STORE(name, ...) LABEL_REF(name)
#define UOP_FP3(name, ...)   LABEL_REF(name)
#define UOP_FP2(name, ...)   LABEL_REF(name)
#define UOP_FP4(name, ...)   LABEL_REF(name)
#define UOP_FCMP(name, ...)  LABEL_REF(name)
#define UOP_JUMP(name)       LABEL_REF(name)
#define UOP_FOP(name, kind)  LABEL_REF(name)
#define UOP_OP(name)         LABEL_REF(name)
#include "mips/uop.def"
#undef FUSED_REF
#undef LABEL_REF
