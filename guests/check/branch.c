/*
 * branch.c - every branch and jump, taken and not, with what its delay slot
 * and its link register get.
 */
#include "check.h"

/* Bits of the result: 1 slot ran, 2 fell through, 4 reached the target. */
#define SLOT   1
#define FELL   2
#define TARGET 4

#define BRANCH(text, a, b)                                                     \
    ({                                                                         \
        uint64_t r_ = 0;                                                       \
        __asm__ volatile(".set push\n\t.set noreorder\n\t" text                \
                         ", 1f\n\t ori %0, %0, 1\n\tori %0, %0, 2\n\tb 2f\n\t" \
                         " nop\n1:\tori %0, %0, 4\n2:\t.set pop"               \
                         : "+&r"(r_)                                           \
                         : "r"((uint64_t)(a)), "r"((uint64_t)(b))              \
                         : "$31");                                             \
        r_;                                                                    \
    })
#define TAKEN(text, a, b)   CHECK(BRANCH(text, a, b), SLOT | TARGET)
#define MISSED(text, a, b)  CHECK(BRANCH(text, a, b), SLOT | FELL)
#define SKIPPED(text, a, b) CHECK(BRANCH(text, a, b), FELL)

#define NEG(n) (-(uint64_t)(n))
#define TOP    0x8000000000000000

static void plain(void)
{
    TAKEN("beq %1, %2", 5, 5);
    MISSED("beq %1, %2", 5, 0x100000005);
    TAKEN("bne %1, %2", 5, 0x100000005);
    MISSED("bne %1, %2", TOP, TOP);
    TAKEN("blez %1", 0, 0);
    TAKEN("blez %1", TOP, 0);
    MISSED("blez %1", 1, 0);
    TAKEN("bgtz %1", 0x80000000, 0);
    MISSED("bgtz %1", 0, 0);
    TAKEN("bltz %1", NEG(1), 0);
    MISSED("bltz %1", 0, 0);
    TAKEN("bgez %1", 0, 0);
    MISSED("bgez %1", TOP, 0);
    TAKEN("bltzal %1", TOP, 0);
    MISSED("bltzal %1", 0, 0);
    TAKEN("bgezal %1", 7, 0);
    MISSED("bgezal %1", NEG(7), 0);
}

static void likely(void)
{
    TAKEN("beql %1, %2", 5, 5);
    SKIPPED("beql %1, %2", 5, 6);
    TAKEN("bnel %1, %2", 5, 6);
    SKIPPED("bnel %1, %2", 5, 5);
    TAKEN("blezl %1", 0, 0);
    SKIPPED("blezl %1", 1, 0);
    TAKEN("bgtzl %1", 1, 0);
    SKIPPED("bgtzl %1", NEG(1), 0);
    TAKEN("bltzl %1", TOP, 0);
    SKIPPED("bltzl %1", 0, 0);
    TAKEN("bgezl %1", 0, 0);
    SKIPPED("bgezl %1", NEG(1), 0);
    TAKEN("bltzall %1", TOP, 0);
    SKIPPED("bltzall %1", 0, 0);
    TAKEN("bgezall %1", 0, 0);
    SKIPPED("bgezall %1", TOP, 0);
}

/* Links are written whether or not the branch is taken. */
static void links(void)
{
    uint64_t link, here;

    __asm__ volatile(
        ".set push\n\t.set noreorder\n\tdla %1, 1f\n\tli $31, 0\n\t"
        "bgezal %2, 2f\n\t nop\n1:\tnop\n2:\tmove %0, $31\n\t"
        ".set pop"
        : "=&r"(link), "=&r"(here)
        : "r"(1ul)
        : "$31");
    CHECK(link, here);
    __asm__ volatile(
        ".set push\n\t.set noreorder\n\tdla %1, 1f\n\tli $31, 0\n\t"
        "bgezal %2, 2f\n\t nop\n1:\tnop\n2:\tmove %0, $31\n\t"
        ".set pop"
        : "=&r"(link), "=&r"(here)
        : "r"(NEG(1))
        : "$31");
    CHECK(link, here);
    __asm__ volatile(".set push\n\t.set noreorder\n\tdla %1, 1f\n\t"
                     "dla $8, 2f\n\tjalr $9, $8\n\t move %0, $9\n"
                     "1:\tli %0, 0\n2:\t.set pop"
                     : "=&r"(link), "=&r"(here)
                     :
                     : "$8", "$9");
    CHECK(link, here); /* the slot sees the link */
    __asm__ volatile(".set push\n\t.set noreorder\n\tdla %1, 1f\n\t"
                     "jal 2f\n\t move %0, $31\n1:\tli %0, 0\n2:\t.set pop"
                     : "=&r"(link), "=&r"(here)
                     :
                     : "$31");
    CHECK(link, here);
}

/* The slot changes what the branch has tested or goes to. */
static void slots(void)
{
    uint64_t r;

    __asm__ volatile(".set push\n\t.set noreorder\n\tli $8, 1\n\tli %0, 0\n\t"
                     "bnez $8, 1f\n\t li $8, 0\n\tori %0, 1\n"
                     "1:\tbnez $8, 2f\n\t nop\n\tori %0, 2\n2:\t.set pop"
                     : "=&r"(r)
                     :
                     : "$8");
    CHECK(r, 2);
    __asm__ volatile(".set push\n\t.set noreorder\n\tdla $8, 1f\n\tli %0, 0\n\t"
                     "jr $8\n\t move $8, $0\n\tori %0, 1\n1:\tori %0, 2\n\t"
                     ".set pop"
                     : "=&r"(r)
                     :
                     : "$8");
    CHECK(r, 2);
}

static void backwards(void)
{
    uint64_t n = 1000, sum = 0;

    __asm__ volatile(".set push\n\t.set noreorder\n"
                     "1:\tdaddu %1, %1, %0\n\tbgtzl %0, 1b\n\t"
                     " daddiu %0, %0, -1\n\t.set pop"
                     : "+r"(n), "+r"(sum));
    CHECK(sum, 500500);
    CHECK(n, 0);
}

const struct check checks[] = {
    { "plain", plain }, { "likely", likely },       { "links", links },
    { "slots", slots }, { "backwards", backwards }, { NULL, NULL },
};
