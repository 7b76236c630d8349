/*
 * check.c - runs the table of tests of a self-checking guest.
 */
#include "check.h"

static const char *now;
static int differences;

void check_eq(const char *what, long line, uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    if (!differences++)
        print("FAIL %s line %ld: %s is %lx, not %lx\n", now, line, what, got,
              want);
}

void check_trap(const char *what, long line, const struct caught *c,
                uint32_t code, uint64_t epc, int slot)
{
    if (!c->taken) {
        check_eq("no exception", line, 0, code);
        return;
    }
    check_eq(what, line, CAUSE_CODE((uint32_t)c->f.cause), code);
    check_eq("epc", line, c->f.epc, epc);
    check_eq("bd", line, (c->f.cause & CAUSE_BD) != 0, (uint64_t)slot);
}

int guest_main(void)
{
    int failures = 0, tests = 0;

    for (const struct check *c = checks; c->name; c++) {
        now = c->name;
        differences = 0;
        c->run();
        if (!differences)
            print("PASS %s\n", c->name);
        failures += differences != 0;
        tests++;
    }
    print("check: %d tests, %d failed\n", tests, failures);
    return failures;
}
